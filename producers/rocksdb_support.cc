#include "producers/rocksdb_support.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdarg>
#include <cstdio>
#include <string>

namespace solo::producers {
namespace {

using schemas::Error;
using schemas::ErrorCode;

class SpdlogLogger final : public rocksdb::Logger {
 public:
  explicit SpdlogLogger(std::string_view name) : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), name_(name) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override { write(spdlog::level::info, format, arguments); }
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel()) return;
    write(level == rocksdb::InfoLogLevel::WARN_LEVEL ? spdlog::level::warn : spdlog::level::err, format, arguments);
  }

 private:
  void write(spdlog::level::level_enum level, const char* format, va_list arguments) {
    char line[1024];
    std::vsnprintf(line, sizeof(line), format, arguments);
    std::string_view text(line);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    spdlog::log(level, "rocksdb ({}): {}", name_, text);
  }

  const std::string name_;
};

bool says(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

}  // namespace

Error to_error(const rocksdb::Status& status, std::string_view context) {
  const auto text = status.ToString();
  const auto message = fmt::format("{}: {}", context, text);
  if (status.IsNoSpace() || says(text, "No space left")) {
    return {ErrorCode::resource_exhausted, message, "make room on the file system", true};
  }
  // RocksDB has no code of its own for these two.
  if (says(text, "While lock file") || says(text, "lock hold by current process")) {
    return {ErrorCode::failed_precondition, message, "another process has it open: stop that one first"};
  }
  if (says(text, "Permission denied") || says(text, "Read-only file system")) {
    return {ErrorCode::permission_denied, message};
  }
  if (status.IsCorruption() || status.IsPathNotFound() || says(text, "No such file")) {
    return {ErrorCode::data_loss, message};
  }
  return {ErrorCode::internal, message};
}

Error missing_error(std::int64_t offset) {
  return {ErrorCode::data_loss, fmt::format("record {} of the log is missing", offset)};
}

Error unreadable_error(std::int64_t offset, const rocksdb::Status& status) {
  return to_error(status, fmt::format("record {} of the log cannot be read", offset));
}

std::shared_ptr<rocksdb::Logger> rocksdb_logger(std::string_view name) { return std::make_shared<SpdlogLogger>(name); }

}  // namespace solo::producers
