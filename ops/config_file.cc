// The TOML file.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "ops/config.h"
#include "ops/kafka_settings.h"
#include "ops/nearest.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

Result<std::string> read_file(const std::filesystem::path& file) {
  if (std::error_code ignored; std::filesystem::is_directory(file, ignored)) {
    return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: it is a directory", file.string()));
  }
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.good() && !stream.eof()) {
    const int error = errno;
    return fail(error == EACCES ? ErrorCode::permission_denied : ErrorCode::not_found,
                fmt::format("cannot read {}: {}", file.string(), error == 0 ? "unreadable" : std::strerror(error)));
  }
  return text;
}

class FileReader {
 public:
  FileReader(std::vector<Setting>& settings, std::string file) : settings_(settings), file_(std::move(file)) {}

  Result<void> table(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      const std::string at = fmt::format("{}:{}", file_, name.source().begin.line);
      if (const auto* inner = node.as_table(); inner != nullptr && is_section(key)) {
        if (auto read = this->table(*inner, key + '.'); !read) return read;
      } else if (auto set = value(key, node, at); !set) {
        return set;
      }
    }
    return {};
  }

 private:
  bool is_section(const std::string& key) const {
    for (const auto& setting : settings_) {
      if (setting.key.rfind(key + '.', 0) == 0) return true;
    }
    return false;
  }

  Result<void> value(const std::string& key, const toml::node& node, const std::string& at) {
    for (auto& setting : settings_) {
      if (setting.key == key) return set(setting, node, at);
    }
    std::vector<std::string> known;
    for (const auto& setting : settings_) known.push_back(setting.key);
    const std::string what = is_section(key) ? "is a section, not a value" : "unknown key";
    return fail(ErrorCode::invalid_argument, fmt::format("{}: {} \"{}\"{}", at, what, key, did_you_mean(key, known)));
  }

  /// `sasl.username = "x"` is a table in a table to TOML.
  static bool flatten(const toml::table& table, const std::string& prefix, Setting::Names& into) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      if (const auto* inner = node.as_table()) {
        if (!flatten(*inner, key + '.', into)) return false;
      } else if (const auto* text = node.as_string()) {
        into[key] = text->get();
      } else if (const auto* number = node.as_integer()) {
        into[key] = std::to_string(number->get());
      } else if (const auto* truth = node.as_boolean()) {
        into[key] = truth->get() ? "true" : "false";
      } else {
        return false;
      }
    }
    return true;
  }

  static Result<void> set(Setting& setting, const toml::node& node, const std::string& at) {
    const auto refuse = [&](std::string_view wanted) {
      return fail(ErrorCode::invalid_argument, fmt::format("{}: {} must be {}", at, setting.key, wanted));
    };
    if (std::holds_alternative<std::uint64_t*>(setting.field)) {
      const auto* number = node.as_integer();
      if (number == nullptr) return refuse("a whole number");
      return set_from_text(setting, std::to_string(number->get()), at);
    }
    if (std::holds_alternative<std::string*>(setting.field)) {
      const auto* text = node.as_string();
      if (text == nullptr) return refuse("a string");
      return set_from_text(setting, text->get(), at);
    }
    if (auto* const* flag = std::get_if<bool*>(&setting.field)) {
      if (!node.is_boolean()) return refuse("true or false");
      **flag = node.as_boolean()->get();
      setting.origin = at;
      return {};
    }
    if (auto* const* names = std::get_if<Setting::Names*>(&setting.field)) {
      const auto* table = node.as_table();
      Setting::Names found;
      if (table == nullptr || !flatten(*table, "", found)) return refuse("a table of texts, numbers and truths");
      if (auto good = check_kafka_names(found); !good) {
        return schemas::fail_with(fmt::format("{}: {}", at, setting.key), good.error());
      }
      **names = std::move(found);
      setting.origin = at;
      return {};
    }
    const auto* array = node.as_array();
    if (array == nullptr || (array->empty() && !setting.may_be_empty)) return refuse("a list of strings");
    std::vector<std::string> words;
    for (const auto& element : *array) {
      if (!element.is_string()) return refuse("a list of strings");
      words.push_back(element.as_string()->get());
    }
    if (auto good = check_words(setting, words); !good) {
      return schemas::fail_with(fmt::format("{}: {}", at, setting.key), good.error());
    }
    *std::get<std::vector<std::string>*>(setting.field) = std::move(words);
    setting.origin = at;
    return {};
  }

  std::vector<Setting>& settings_;
  std::string file_;
};

}  // namespace

Result<void> apply_file(std::vector<Setting>& settings, const std::filesystem::path& file) {
  auto text = read_file(file);
  if (!text) return fail(text.error());
  try {
    const toml::table root = toml::parse(*text, file.string());
    return FileReader(settings, file.string()).table(root, "");
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}:{}: {}", file.string(), error.source().begin.line, error.description()));
  }
}

}  // namespace solo::ops
