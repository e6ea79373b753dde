#include "tests/integration/embedded_log/log_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <future>
#include <thread>
#include <vector>

#include "producers/embedded_log.h"
#include "tests/support/power_cut.h"

namespace solo::testing {
namespace {

using producers::AppendResult;
using producers::Durable;

struct OpenLog {
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  std::unique_ptr<producers::EmbeddedLog> log;

  explicit OpenLog(const std::string& directory, std::size_t write_buffer = 0, rocksdb::Env* env = nullptr) {
    producers::EmbeddedLogOptions options;
    options.directory = directory;
    options.env = env;
    if (write_buffer > 0) options.write_buffer_bytes = write_buffer;
    auto opened = producers::EmbeddedLog::open(options, clock, entropy);
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      _exit(1);
    }
    log = std::move(*opened);
  }
};

[[noreturn]] void hold(const std::string& directory, const std::string& ready) {
  const OpenLog open(directory);
  std::ofstream(ready) << "ready";
  for (;;) pause();
}

[[noreturn]] void append_for_ever(const OpenLog& open, const std::string& acknowledged, std::size_t value_bytes) {
  const int file = ::open(acknowledged.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::vector<std::thread> threads;
  std::atomic<std::int64_t> next = 0;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (;;) {
        const auto value = fmt::format("{}-{}-{}", getpid(), next++, std::string(value_bytes, 'v'));
        std::promise<void> ended;
        open.log->commands().append("acme", value, [&](AppendResult result) {
          if (const auto* durable = std::get_if<Durable>(&result)) {
            const auto line = fmt::format("{} {}\n", durable->position.offset, value);
            if (::write(file, line.data(), line.size()) < 0) _exit(1);
          }
          ended.set_value();
        });
        ended.get_future().wait();
      }
    });
  }
  for (;;) pause();
}

[[noreturn]] void append_until_power_cut(const std::string& directory, const std::string& acknowledged,
                                         const PowerCutOptions& cut) {
  const PowerCutEnv env(cut);
  const OpenLog open(directory, 64 * 1024, env.get());
  append_for_ever(open, acknowledged, 4000);
}

[[noreturn]] void fill(const std::string& directory, std::int64_t end, std::size_t write_buffer) {
  const OpenLog open(directory, write_buffer);
  for (auto offset = open.log->bounds(0)->end; offset < end; ++offset) {
    open.log->commands().append("acme", value_at(offset), [](AppendResult result) {
      if (!std::holds_alternative<Durable>(result)) _exit(1);
    });
    // A short log gets one commit per record, a long one no larger ones than a busy daemon makes.
    if (end <= 100 || offset % 100 == 0)
      open.log->commands().drain(std::chrono::steady_clock::now() + std::chrono::minutes(1));
  }
  if (!open.log->commands().drain(std::chrono::steady_clock::now() + std::chrono::minutes(1))) _exit(1);
  ::kill(getpid(), SIGKILL);
  for (;;) pause();
}

/// What it says goes to a file beside the log.
std::unique_ptr<Child> start(const std::string& mode, const std::filesystem::path& log,
                             std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {std::filesystem::read_symlink("/proc/self/exe").string(), "--mode=" + mode, log.string()});
  return std::make_unique<Child>(arguments, "/dev/null", log.parent_path() / "child.err");
}

}  // namespace

std::string value_at(std::int64_t offset) { return fmt::format("record-{}-{}", offset, std::string(280, 'v')); }

std::unique_ptr<Child> start_holder(const std::filesystem::path& log, const std::filesystem::path& ready) {
  return start("hold", log, {ready.string()});
}

std::unique_ptr<Child> start_appender(const std::filesystem::path& log, const std::filesystem::path& acknowledged) {
  return start("append", log, {acknowledged.string()});
}

std::unique_ptr<Child> start_appender_until_power_cut(const std::filesystem::path& log,
                                                      const std::filesystem::path& acknowledged,
                                                      const PowerCutRun& run) {
  return start("power", log,
               {acknowledged.string(), run.journal.string(), std::to_string(run.operation), run.sync ? "sync" : "-"});
}

std::map<std::int64_t, std::string> read_acknowledged(const std::filesystem::path& file) {
  std::map<std::int64_t, std::string> found;
  const auto text = read_file(file);
  for (std::size_t at = 0;;) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) return found;
    const auto space = text.find(' ', at);
    found[std::stoll(text.substr(at, space - at))] = text.substr(space + 1, end - space - 1);
    at = end + 1;
  }
}

void fill_and_crash(const std::filesystem::path& log, std::int64_t end, std::size_t write_buffer) {
  const auto child = start("fill", log, {std::to_string(end), std::to_string(write_buffer)});
  ASSERT_EQ(child->wait(std::chrono::minutes(1)), 128 + SIGKILL) << read_file(log.parent_path() / "child.err");
}

std::optional<int> run_mode(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--mode=hold") hold(argv[2], argv[3]);
  if (mode == "--mode=append") append_for_ever(OpenLog(argv[2]), argv[3], 800);
  if (mode == "--mode=power") {
    append_until_power_cut(argv[2], argv[3], {argv[4], std::stoull(argv[5]), std::string(argv[6]) == "sync"});
  }
  if (mode == "--mode=fill") fill(argv[2], std::stoll(argv[3]), std::stoull(argv[4]));
  return std::nullopt;
}

}  // namespace solo::testing

int main(int argc, char** argv) {
  if (const auto ended = solo::testing::run_mode(argc, argv)) return *ended;
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
