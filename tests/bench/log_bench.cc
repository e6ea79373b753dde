// The embedded log beside the disk it stands on: what an append costs over a bare write and fdatasync, what many
// appenders gain by sharing a sync, how soon a reader sees a record, and how long opening takes after a kill.
//
//   log_bench [DIRECTORY]      where to measure; the temporary directory unless given
#include <fcntl.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "consumers/embedded_reader.h"
#include "producers/embedded_log.h"
#include "tests/bench/table.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace solo::bench {
namespace {

using std::chrono::steady_clock;

/// As large as a small deploy's event.
constexpr std::size_t kEventBytes = 400;
/// What a record adds to its value on the disk: key, header, RocksDB's own.
constexpr std::size_t kFrameBytes = 60;

double microseconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(steady_clock::now() - start).count();
}

struct OpenLog {
  producers::SystemClock clock;
  producers::SystemEntropy entropy;
  std::unique_ptr<producers::EmbeddedLog> log;

  explicit OpenLog(const std::filesystem::path& directory) {
    producers::EmbeddedLogOptions options;
    options.directory = directory;
    auto opened = producers::EmbeddedLog::open(options, clock, entropy);
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      std::exit(1);
    }
    log = std::move(*opened);
  }
};

std::string event() {
  std::string value(kEventBytes, '\0');
  for (auto& byte : value) byte = static_cast<char>(std::rand());
  return value;
}

/// A file that is appended to and synced, with nothing else around it.
class BareFile {
 public:
  explicit BareFile(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
  ~BareFile() { ::close(fd_); }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;

  void append() {
    if (::write(fd_, bytes_.data(), bytes_.size()) < 0 || ::fdatasync(fd_) != 0) std::exit(1);
  }

 private:
  const int fd_;
  const std::string bytes_ = std::string(kEventBytes + kFrameBytes, 'x');
};

/// A RocksDB that is put to with a sync, by as many threads as there are writers: RocksDB groups their commits.
class BareRocksDb {
 public:
  explicit BareRocksDb(const std::filesystem::path& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    rocksdb::DB* db = nullptr;
    if (!rocksdb::DB::Open(options, directory, &db).ok()) std::exit(1);
    db_.reset(db);
    durably_.sync = true;
  }

  void append() {
    auto number = next_++;
    for (std::size_t byte = kKeyBytes; byte > 0; --byte, number >>= 8) {
      thread_key()[byte - 1] = static_cast<char>(number & 0xff);
    }
    if (!db_->Put(durably_, rocksdb::Slice(thread_key(), kKeyBytes), value_).ok()) std::exit(1);
  }

 private:
  static constexpr std::size_t kKeyBytes = 8;
  static char* thread_key() {
    thread_local char key[kKeyBytes];
    return key;
  }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions durably_;
  std::atomic<std::uint64_t> next_ = 0;
  const std::string value_ = std::string(kEventBytes, 'x');
};

template <class Bare>
std::vector<double> bare_appends(Bare& bare, int count) {
  std::vector<double> times;
  for (int number = 0; number < count; ++number) {
    const auto start = steady_clock::now();
    bare.append();
    times.push_back(microseconds_since(start));
  }
  return times;
}

/// The same by another thread, which is woken for each and wakes in turn: what this machine asks for that.
std::vector<double> handed_over_appends(BareFile& file, int count) {
  std::mutex mutex;
  std::condition_variable changed;
  int asked = 0;
  int done = 0;
  std::thread other([&] {
    std::unique_lock lock(mutex);
    while (done < count) {
      changed.wait(lock, [&] { return asked > done; });
      lock.unlock();
      file.append();
      lock.lock();
      ++done;
      changed.notify_all();
    }
  });
  std::vector<double> times;
  for (int number = 1; number <= count; ++number) {
    const auto start = steady_clock::now();
    std::unique_lock lock(mutex);
    asked = number;
    changed.notify_all();
    changed.wait(lock, [&] { return done == number; });
    times.push_back(microseconds_since(start));
  }
  other.join();
  return times;
}

void append_and_wait(producers::EventWriter& writer, std::string value) {
  std::promise<void> ended;
  writer.append("acme", std::move(value), [&](const producers::AppendResult& result) {
    if (!std::holds_alternative<producers::Durable>(result)) std::exit(1);
    ended.set_value();
  });
  ended.get_future().wait();
}

std::vector<double> log_appends(producers::EmbeddedLog& log, int count) {
  std::vector<double> times;
  for (int number = 0; number < count; ++number) {
    auto value = event();
    const auto start = steady_clock::now();
    append_and_wait(log.commands(), std::move(value));
    times.push_back(microseconds_since(start));
  }
  return times;
}

/// From the append to the return of a reader that was waiting for it.
std::vector<double> appends_until_read(producers::EmbeddedLog& log, int count) {
  consumers::EmbeddedReader reader(log, log.bounds(0)->end);
  std::vector<double> times;
  for (int number = 0; number < count; ++number) {
    auto value = event();
    const auto start = steady_clock::now();
    log.commands().append("acme", std::move(value), nullptr);
    if (reader.read({}, std::chrono::seconds(10))->size() != 1) std::exit(1);
    times.push_back(microseconds_since(start));
  }
  return times;
}

/// Appends per second of `clients` threads, each of which waits for one before its next.
template <class Append>
double concurrent_rate(int clients, std::chrono::milliseconds duration, Append append) {
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> appended = 0;
  std::vector<std::thread> threads;
  const auto start = steady_clock::now();
  for (int client = 0; client < clients; ++client) {
    threads.emplace_back([&] {
      while (!stop) {
        append();
        ++appended;
      }
    });
  }
  std::this_thread::sleep_for(duration);
  stop = true;
  for (auto& thread : threads) thread.join();
  return static_cast<double>(appended) / microseconds_since(start) * 1e6;
}

[[noreturn]] void fill(const std::filesystem::path& directory, std::int64_t records) {
  OpenLog open(directory);
  const auto value = event();
  for (std::int64_t number = 0; number < records; ++number) {
    open.log->commands().append("acme", value, nullptr);
    if (number % 200 == 0) open.log->commands().drain(steady_clock::now() + std::chrono::minutes(1));
  }
  open.log->commands().drain(steady_clock::now() + std::chrono::minutes(1));
  ::kill(::getpid(), SIGKILL);
  std::abort();
}

/// Milliseconds to open a log of so many records whose writer was killed.
double open_time(const std::filesystem::path& directory, std::int64_t records) {
  testing::Child writer({std::filesystem::read_symlink("/proc/self/exe"), "--fill", directory, std::to_string(records)},
                        "/dev/null", "/dev/null");
  writer.wait(std::chrono::minutes(10));
  const auto start = steady_clock::now();
  const OpenLog open(directory);
  const auto time = microseconds_since(start) / 1000;
  if (open.log->bounds(0)->end != records + 1) std::exit(1);
  return time;
}

/// What appends cost while the whole log is read beside them; in turns.
void measure_check(const std::filesystem::path& directory) {
  std::vector<double> alone;
  std::vector<double> beside;
  for (int round = 0; round < 8; ++round) {
    const OpenLog open(directory);
    for (const auto time : log_appends(*open.log, 200)) alone.push_back(time);
    open.log->check_in_background();
    for (const auto time : log_appends(*open.log, 200)) beside.push_back(time);
  }
  print({"append while the log is checked, p50 (raw: before that)", "us", median(alone), median(beside), Bound::at_most,
         1.1});
}

void measure(const std::filesystem::path& directory) {
  print_header();
  {
    OpenLog open(directory / "log");
    BareFile file(directory / "bare");
    BareRocksDb rocks(directory / "rocks");
    // In turns, so that all meet the disk in the same mood.
    std::vector<double> bare;
    std::vector<double> handed_over;
    std::vector<double> bare_rocks;
    std::vector<double> solo;
    std::vector<double> read;
    const auto add = [](std::vector<double>& all, const std::vector<double>& some) {
      all.insert(all.end(), some.begin(), some.end());
    };
    for (int round = 0; round < 10; ++round) {
      add(bare, bare_appends(file, 200));
      add(handed_over, handed_over_appends(file, 200));
      add(bare_rocks, bare_appends(rocks, 200));
      add(solo, log_appends(*open.log, 200));
      add(read, appends_until_read(*open.log, 200));
    }
    const auto one = median(solo);
    print({"append, p50 (raw: write + fdatasync)", "us", median(bare), one, Bound::at_most, 2.5});
    print({"append, p50 (raw: the same by another thread)", "us", median(handed_over), one, Bound::at_most, 1.25});
    print({"append, p50 (raw: RocksDB, put with sync)", "us", median(bare_rocks), one, Bound::at_most, 1.5});
    print({"append until a reader has it, p50 (raw: as before last)", "us", median(handed_over), median(read),
           Bound::at_most, 1.25});
    const auto value = event();
    const auto seconds = std::chrono::seconds(2);
    const auto many = concurrent_rate(64, seconds, [&] { append_and_wait(open.log->commands(), value); });
    const auto many_rocks = concurrent_rate(64, seconds, [&] { rocks.append(); });
    print({"appends per second, 64 clients (raw: one client)", "/s", 1e6 / one, many, Bound::at_least, 15});
    print({"appends per second, 64 clients (raw: RocksDB, 64 threads)", "/s", many_rocks, many, Bound::at_least, 1});
  }
  const auto empty = open_time(directory / "empty", 0);
  print({"open after kill -9, 100,000 records (raw: 1 record)", "ms", empty,
         open_time(directory / "hundred-thousand", 100'000), Bound::at_most, 1, 30});
  print({"open after kill -9, 1,000,000 records (raw: 1 record)", "ms", empty,
         open_time(directory / "million", 1'000'000), Bound::at_most, 1, 30});
  measure_check(directory / "million");
}

}  // namespace
}  // namespace solo::bench

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::err);
  if (argc == 4 && std::string(argv[1]) == "--fill") solo::bench::fill(argv[2], std::stoll(argv[3]));
  if (argc > 1) ::setenv("TMPDIR", argv[1], 1);
  const solo::testing::TempDir directory;
  solo::bench::measure(directory.path());
}
