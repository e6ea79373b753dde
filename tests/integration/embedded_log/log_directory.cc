#include "tests/integration/embedded_log/log_directory.h"

#include <algorithm>
#include <future>

namespace solo::testing {

namespace fs = std::filesystem;

std::vector<fs::path> LogDirectory::files(const std::string& extension) const {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(database())) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

fs::path LogDirectory::wal() const {
  fs::path found;
  for (const auto& file : files(".log")) {
    if (fs::file_size(file) == 0) continue;
    EXPECT_TRUE(found.empty()) << "two write-ahead logs with records";
    found = file;
  }
  EXPECT_FALSE(found.empty()) << "no write-ahead log with records";
  return found;
}

std::vector<fs::path> LogDirectory::evidence() const {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory())) {
    const auto name = entry.path().filename().string();
    if (name.rfind("damaged-", 0) == 0 || name == "rescue") found.push_back(entry.path());
  }
  return found;
}

void LogDirectory::set_mark(std::int64_t end) const {
  std::fstream file(directory() / "mark", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(64);
  file.write(reinterpret_cast<const char*>(&end), sizeof(end));
  ASSERT_TRUE(file.good());
}

void LogDirectory::append_to_file(const fs::path& path, const std::string& bytes) const {
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << bytes;
  ASSERT_TRUE(file.good());
}

void LogDirectory::flip_byte(const fs::path& path, std::int64_t at) const {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const auto byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(at);
  file.put(byte);
  ASSERT_TRUE(file.good());
}

schemas::Result<std::vector<std::string>> read_values(producers::EmbeddedLog& log) {
  std::vector<std::string> values;
  for (std::int64_t from = 1;;) {
    const auto records = log.read(from, 1000, 1 << 20);
    if (!records) return schemas::fail(records.error());
    if (records->empty()) return values;
    for (const auto& record : *records) values.push_back(record.value);
    from = records->back().position.offset + 1;
  }
}

producers::AppendResult append(producers::EventWriter& writer, const std::string& value) {
  std::promise<producers::AppendResult> ending;
  writer.append("acme", value, [&](producers::AppendResult result) { ending.set_value(std::move(result)); });
  return ending.get_future().get();
}

bool is_durable(const producers::AppendResult& result) { return std::holds_alternative<producers::Durable>(result); }
bool is_unknown(const producers::AppendResult& result) { return std::holds_alternative<producers::Unknown>(result); }
bool is_refused(const producers::AppendResult& result) { return std::holds_alternative<producers::Refused>(result); }

schemas::Error error_of(const producers::AppendResult& result) {
  if (const auto* refused = std::get_if<producers::Refused>(&result)) return refused->error;
  if (const auto* unknown = std::get_if<producers::Unknown>(&result)) return unknown->error;
  return {schemas::ErrorCode::ok, ""};
}

}  // namespace solo::testing
