#include "ops/cli/program_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "schemas/codec.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

bool is_cxx_name(const std::filesystem::path& name) {
  const std::string extension = name.extension();
  return extension == ".cc" || extension == ".cpp" || extension == ".cxx" || extension == ".C";
}

}  // namespace

Result<v1::Format> format_of(const std::filesystem::path& name, std::string_view text) {
  if (text.substr(0, 2) == "#!") return v1::Format::script;
  if (is_cxx_name(name)) return v1::Format::cxx;
  if (text.substr(0, 4) ==
      "\x7f"
      "ELF") {
    return fail(ErrorCode::invalid_argument, fmt::format("{} is a program, not a text", name.string()),
                fmt::format("solo deploy SERVICE --exec -- {}", name.string()));
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is neither a script (it has no #! line) nor C++ (.cc, .cpp, .cxx)", name.string()),
              "begin a script with its interpreter: #!/bin/sh");
}

Result<std::string> read_program(const std::string& name) {
  struct Closer {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  const std::unique_ptr<std::FILE, Closer> file(name == "-" ? stdin : std::fopen(name.c_str(), "rbe"));
  const auto refused = [&](int error) {
    return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: {}", name, std::strerror(error)));
  };
  if (!file) return refused(errno);
  std::string text;
  std::array<char, 65536> buffer{};
  while (const std::size_t read = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), read);
    if (text.size() > schemas::kMaxEventBytes) {
      return fail(
          ErrorCode::invalid_argument,
          fmt::format("{} is longer than the {} KiB that a deploy may have", name, schemas::kMaxEventBytes / 1024),
          "install the program on the machine and deploy it with --exec");
    }
  }
  if (std::ferror(file.get()) != 0) return refused(errno);
  return text;
}

std::string absolute_program(const std::string& program) {
  if (program.find('/') == std::string::npos || program.front() == '/') return program;
  std::error_code error;
  const auto path = std::filesystem::absolute(program, error);
  return error ? program : path.lexically_normal().string();
}

}  // namespace solo::ops
