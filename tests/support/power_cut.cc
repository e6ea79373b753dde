#include "tests/support/power_cut.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/file_system.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace solo::testing {
namespace {

namespace fs = std::filesystem;

using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

fs::path kept_directory(const fs::path& journal) { return journal.native() + ".kept"; }

/// Counts operations, and writes down what is certain on the disk. A line per entry; paths here hold no blanks.
class Journal {
 public:
  explicit Journal(const PowerCutOptions& options)
      : options_(options),
        fd_(::open(options.journal.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)) {
    fs::create_directories(kept_directory(options.journal));
  }
  ~Journal() { ::close(fd_); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  bool syncs() const { return options_.sync; }

  /// Before every operation.
  void step() {
    const std::lock_guard lock(mutex_);
    if (++operations_ != options_.operation) return;
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }

  void note(const std::string& line) {
    const std::lock_guard lock(mutex_);
    const auto whole = line + "\n";
    if (::write(fd_, whole.data(), whole.size()) < 0) std::abort();
  }

  /// A second name for what is about to lose its own; `-`: there is nothing.
  std::string keep(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto kept = (kept_directory(options_.journal) / std::to_string(++kept_)).native();
    return ::link(path.c_str(), kept.c_str()) == 0 ? kept : "-";
  }

 private:
  const PowerCutOptions options_;
  const int fd_;
  std::mutex mutex_;
  std::uint64_t operations_ = 0;
  int kept_ = 0;
};

class File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(Journal& journal, std::string path, std::uint64_t size, std::unique_ptr<FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), journal_(journal), path_(std::move(path)), size_(size) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    journal_.step();
    size_ += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }
  /// No promise.
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  template <class Sync>
  IOStatus sync(Sync real) {
    journal_.step();
    if (!journal_.syncs() && fs::path(path_).extension() == ".log") return IOStatus::OK();
    const auto reached = size_;
    auto status = real();
    if (status.ok()) journal_.note(fmt::format("sync {} {}", path_, reached));
    return status;
  }

  Journal& journal_;
  const std::string path_;
  std::uint64_t size_;
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(Journal& journal, std::string path, std::unique_ptr<FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), journal_(journal), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSDirectoryWrapper::Fsync(options, debug); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& how) override {
    return sync([&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, how); });
  }

 private:
  template <class Sync>
  IOStatus sync(Sync real) {
    journal_.step();
    auto status = real();
    if (status.ok()) journal_.note("names " + path_);
    return status;
  }

  Journal& journal_;
  const std::string path_;
};

class PowerCutFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerCutFileSystem(const PowerCutOptions& options)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), journal_(options) {}
  const char* Name() const override { return "PowerCutFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    journal_.step();
    // It may take the place of one that is there.
    const auto kept = journal_.keep(path);
    if (kept != "-") fs::remove(path);
    std::unique_ptr<FSWritableFile> real;
    auto status = target()->NewWritableFile(path, options, &real, debug);
    if (!status.ok()) return status;
    journal_.note(fmt::format("create {} {}", path, kept));
    *file = std::make_unique<File>(journal_, path, 0, std::move(real));
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    journal_.step();
    std::unique_ptr<FSWritableFile> real;
    auto status = target()->ReopenWritableFile(path, options, &real, debug);
    if (!status.ok()) return status;
    const auto size = fs::file_size(path);
    // What was there before this process is on the disk.
    journal_.note(fmt::format("sync {} {}", path, size));
    *file = std::make_unique<File>(journal_, path, size, std::move(real));
    return status;
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options, std::unique_ptr<FSDirectory>* directory,
                        IODebugContext* debug) override {
    std::unique_ptr<FSDirectory> real;
    auto status = target()->NewDirectory(path, options, &real, debug);
    if (status.ok()) *directory = std::make_unique<Directory>(journal_, path, std::move(real));
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    journal_.step();
    const auto kept = journal_.keep(to);
    auto status = target()->RenameFile(from, to, options, debug);
    if (status.ok()) journal_.note(fmt::format("rename {} {} {}", to, kept, from));
    return status;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
    journal_.step();
    const auto kept = journal_.keep(path);
    auto status = target()->DeleteFile(path, options, debug);
    if (status.ok()) journal_.note(fmt::format("delete {} {}", path, kept));
    return status;
  }

 private:
  Journal journal_;
};

/// A change of names, and what it takes to undo it.
struct NameChange {
  std::string kind;
  fs::path path;
  fs::path kept;
  fs::path from;
};

/// What the journal says of the disk.
struct Disk {
  std::map<fs::path, std::uint64_t> synced;
  std::vector<NameChange> unsynced_names;
};

Disk read_journal(const fs::path& journal) {
  Disk disk;
  std::ifstream file(journal);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    fs::path path;
    words >> kind >> path;
    if (kind == "sync") {
      words >> disk.synced[path];
    } else if (kind == "names") {
      std::erase_if(disk.unsynced_names,
                    [&](const auto& change) { return change.path.parent_path() == path.lexically_normal(); });
    } else {
      NameChange change{kind, path, {}, {}};
      words >> change.kept >> change.from;
      if (kind == "create") disk.synced[path] = 0;
      if (kind == "rename") disk.synced[path] = disk.synced[change.from];
      if (kind == "delete") disk.synced.erase(path);
      disk.unsynced_names.push_back(std::move(change));
    }
  }
  return disk;
}

void undo(const NameChange& change, Disk& disk) {
  if (change.kind == "create") fs::remove(change.path);
  if (change.kind == "rename") {
    fs::rename(change.path, change.from);
    disk.synced[change.from] = disk.synced[change.path];
  }
  disk.synced.erase(change.path);
  if (change.kept != "-") fs::create_hard_link(change.kept, change.path);
}

void shorten(const fs::path& path, std::uint64_t synced, Unsynced left, std::mt19937_64& random) {
  std::error_code gone;
  const auto size = fs::file_size(path, gone);
  if (gone || size <= synced) return;
  const auto unsynced = size - synced;
  const auto rest = left == Unsynced::gone ? 0 : std::uniform_int_distribution<std::uint64_t>(0, unsynced)(random);
  fs::resize_file(path, synced + rest);
  if (left == Unsynced::gone || random() % 4 != 0) return;
  // Blocks that were given to the file without their bytes.
  std::ofstream(path, std::ios::app | std::ios::binary)
      << std::string(unsynced - rest, random() % 2 == 0 ? '\0' : '\x5a');
}

}  // namespace

PowerCutEnv::PowerCutEnv(const PowerCutOptions& options)
    : env_(rocksdb::NewCompositeEnv(std::make_shared<PowerCutFileSystem>(options))) {}

PowerCutEnv::~PowerCutEnv() = default;

void cut_power(const fs::path& journal, Unsynced left, std::mt19937_64& random) {
  auto disk = read_journal(journal);
  auto& changes = disk.unsynced_names;
  const auto stay = left == Unsynced::gone ? 0 : random() % (changes.size() + 1);
  for (; changes.size() > stay; changes.pop_back()) undo(changes.back(), disk);
  for (const auto& [path, synced] : disk.synced) shorten(path, synced, left, random);
  fs::remove_all(kept_directory(journal));
}

}  // namespace solo::testing
