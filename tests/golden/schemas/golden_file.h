// The committed files of tests/golden/v1. With SOLO_GOLDEN=add in the environment what is missing is appended to them.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace solo::test {

inline constexpr const char* kHowToAdd = "to add it: SOLO_GOLDEN=add build/dev/bin/test_golden_schemas";

inline bool adding() {
  const char* mode = std::getenv("SOLO_GOLDEN");
  return mode != nullptr && std::string(mode) == "add";
}

inline std::string golden_path(const std::string& name) { return std::string(SOLO_GOLDEN_DIR) + "/" + name; }

inline std::vector<std::string> golden_lines(const std::string& name) {
  std::ifstream file(golden_path(name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

inline void append_golden(const std::string& name, const std::string& text) {
  std::ofstream(golden_path(name), std::ios::app) << text;
}

inline std::string to_hex(const std::string& bytes) {
  std::string out;
  for (const char character : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(character);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

inline std::string from_hex(const std::string& hex) {
  std::string out;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    out += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return out;
}

}  // namespace solo::test
