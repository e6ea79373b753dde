#include "producers/log_opening.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/env.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "producers/file_io.h"
#include "producers/genesis.h"
#include "producers/rocksdb_support.h"
#include "producers/wal_rescue.h"
#include "schemas/codec.h"

namespace solo::producers {
namespace {

namespace fs = std::filesystem;

using schemas::Error;
using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

RecordStore::Options store_options(const EmbeddedLogOptions& options) {
  return {LogPaths(options.directory).database, options.write_buffer_bytes, options.env};
}

std::string loss_hint(const LogPaths& paths, const fs::path& evidence) {
  return fmt::format(
      "{}bring {} back from a copy",
      evidence.empty() ? "" : fmt::format("its files as they were found are kept in {}; ", evidence.native()),
      paths.directory.native());
}

/// The first record of [0, end) that cannot be read, of a store that could not be opened; -1: not to be found out.
std::int64_t first_damaged(const RecordStore::Options& options, std::int64_t end) {
  const auto store = RecordStore::open_stopped(options);
  if (!store) return -1;
  for (std::int64_t offset = 0; offset < end; ++offset) {
    if (!(*store)->is_sound(offset)) return offset;
  }
  return -1;
}

Error explain_with_evidence(const Error& error, const EmbeddedLogOptions& options, std::int64_t end,
                            const fs::path& evidence) {
  if (error.code != ErrorCode::data_loss) return error;
  auto explained = error;
  const auto offset = first_damaged(store_options(options), end);
  if (offset >= 0) explained.message += fmt::format(" (the first record concerned is {})", offset);
  explained.hint = loss_hint(LogPaths(options.directory), evidence);
  return explained;
}

/// What is left of such a log is sound: without its mark it opens. Of an empty one nothing would be left to go on with.
Error missing_tail(const LogPaths& paths, std::int64_t end, std::int64_t marked_end, const fs::path& evidence) {
  auto hint = loss_hint(paths, evidence);
  if (end > 0) {
    hint += fmt::format("; or, to go on without the lost records, remove {} and move the views away: they are rebuilt",
                        paths.mark.native());
  }
  return {ErrorCode::data_loss,
          fmt::format("records {} to {} of the log were acknowledged and are missing: it ends at {}", end,
                      marked_end - 1, end),
          std::move(hint)};
}

Result<void> make_directory(const fs::path& path) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) return fail(errno_error(error.value(), "create", path));
  if (made) fs::permissions(path, fs::perms::owner_all, error);
  if (error) return fail(errno_error(error.value(), "protect", path));
  return {};
}

struct MarkFound {
  std::unique_ptr<DurableMark> mark;
  bool lost = false;
};

/// An unreadable mark is as good as none: what it said cannot be known.
Result<MarkFound> find_mark(const LogPaths& paths) {
  auto mark = DurableMark::open(paths.mark);
  if (mark) return MarkFound{std::move(*mark), false};
  if (mark.error().code != ErrorCode::data_loss) return fail(mark.error());
  spdlog::warn("{}", mark.error().message);
  return MarkFound{nullptr, true};
}

/// Without CURRENT RocksDB would begin a new database, and delete the tables of the old one when it is opened again.
Error missing_current(const LogPaths& paths) {
  return {
      ErrorCode::data_loss,
      fmt::format("{} is missing beside the log's tables; nothing was changed", (paths.database / "CURRENT").native()),
      fmt::format("bring {} back from a copy; CURRENT holds the name of the newest MANIFEST file and a newline",
                  paths.database.native())};
}

Result<Recovered> open_new_store(const EmbeddedLogOptions& options) {
  Recovered opened;
  auto store = RecordStore::open(store_options(options));
  if (!store) return fail(store.error());
  opened.store = std::move(*store);
  return opened;
}

Result<void> write_genesis(OpenedLog& log, const std::string& uuid, const Clock& clock) {
  Genesis genesis;
  genesis.log_uuid = uuid;
  const auto now = clock.wall_us();
  const auto value = encode_genesis(genesis, 0, now);
  const NewRecord first{now, kGenesisKey, value};
  if (auto written = log.store->append(0, {&first, 1}); !written) return written;
  log.end = 1;
  return {};
}

Result<void> read_genesis(OpenedLog& log) {
  const auto first = log.store->read({0, 1, 1, schemas::kMaxRequestBytes});
  if (!first) return fail(first.error());
  assert(!first->empty());
  auto genesis = decode_genesis(first->front().value);
  if (!genesis) return fail(genesis.error());
  log.genesis = std::move(*genesis);
  return {};
}

/// The mark from now on: the one that was there, or a new one.
Result<void> settle_mark(OpenedLog& log, const LogPaths& paths) {
  if (!log.mark) {
    auto created = DurableMark::create(paths.mark, log.genesis.log_uuid);
    if (!created) return fail(created.error());
    log.mark = std::move(*created);
  }
  if (log.mark->log_uuid() != log.genesis.log_uuid) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("{} belongs to log {}, the records beside it to log {}", paths.mark.native(),
                            log.mark->log_uuid(), log.genesis.log_uuid),
                "bring both back from the same copy");
  }
  log.mark->advance(log.end);
  return log.mark->set_closed_in_order(false);
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::take(const fs::path& path, rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  rocksdb::FileLock* lock = nullptr;
  const auto status = env->LockFile(path.native(), &lock);
  if (!status.ok()) return fail(to_error(status, fmt::format("cannot lock {}", path.parent_path().native())));
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(env, lock));
}

DirectoryLock::~DirectoryLock() { env_->UnlockFile(lock_).PermitUncheckedError(); }

Result<bool> DirectoryLock::is_held(const fs::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return false;
  if (!file) return fail(errno_error("open", path));
  struct flock asked {};
  asked.l_type = F_WRLCK;
  asked.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_GETLK, &asked) != 0) return fail(errno_error("look at the lock", path));
  return asked.l_type != F_UNLCK;
}

Error explain_damage(Error error, const EmbeddedLogOptions& options, std::int64_t end) {
  return explain_with_evidence(error, options, end, {});
}

Result<Recovered> recover_store(const EmbeddedLogOptions& options, std::int64_t marked_end) {
  const LogPaths paths(options.directory);
  const auto rescue = WalRescue::begin(paths.directory, paths.database);
  if (!rescue) return fail(rescue.error());
  const auto damaged = rescue->damaged_bytes();
  if (!damaged) return fail(damaged.error());
  const auto manifest = rescue->cut_manifest(paths.database);
  if (!manifest) return fail(manifest.error());
  if (*manifest > 0)
    spdlog::warn("log: {} bytes of a half-written change to its list of tables were cut off", *manifest);
  Recovered opened;
  opened.cut_bytes = *damaged;
  // A refusal leaves the database as it was found, so that the next start finds, and says, the same.
  const auto keep_evidence = [&]() -> Result<fs::path> {
    opened.store.reset();
    if (auto restored = rescue->restore(paths.database); !restored) return fail(restored.error());
    return rescue->keep();
  };
  const auto refuse = [&](const Error& error) {
    if (error.code != ErrorCode::data_loss) return fail(error);
    const auto evidence = keep_evidence().value_or(fs::path());
    return fail(explain_with_evidence(error, options, marked_end, evidence));
  };
  auto store = RecordStore::open(store_options(options));
  if (!store) return refuse(store.error());
  opened.store = std::move(*store);
  const auto end = opened.store->end();
  if (!end) return refuse(end.error());
  opened.end = *end;
  if (auto whole = opened.store->check_tables(); !whole) return refuse(whole.error());
  if (opened.end < marked_end) {
    return fail(missing_tail(paths, opened.end, marked_end, keep_evidence().value_or(fs::path())));
  }
  if (auto dropped = rescue->drop(); !dropped) return fail(dropped.error());
  return opened;
}

Result<OpenedLog> open_log(const EmbeddedLogOptions& options, const Clock& clock, Entropy& entropy,
                           LogOpenReport& report) {
  const LogPaths paths(options.directory);
  OpenedLog log;
  if (auto made = make_directory(paths.directory); !made) return fail(made.error());
  auto lock = DirectoryLock::take(paths.lock, options.env);
  if (!lock) return fail(lock.error());
  log.lock = std::move(*lock);

  auto found = find_mark(paths);
  if (!found) return fail(found.error());
  log.mark = std::move(found->mark);
  report.marked_end = log.mark ? log.mark->end() : 0;
  report.clean = log.mark && log.mark->closed_in_order();

  const bool there = RecordStore::exists(paths.database);
  if (auto made = make_directory(paths.database); !made) return fail(made.error());
  if (!there) {
    // Without records its making was interrupted.
    const auto records = holds_records(paths.database);
    if (!records) return fail(records.error());
    if (*records) return fail(missing_current(paths));
    if (report.marked_end > 0) return fail(missing_tail(paths, 0, report.marked_end, {}));
  }
  auto opened = there ? recover_store(options, report.marked_end) : open_new_store(options);
  if (!opened) return fail(opened.error());
  log.store = std::move(opened->store);
  log.end = opened->end;
  report.cut_bytes = opened->cut_bytes;
  // The mark is made right after the genesis: without it there may be a genesis, but nothing that was acknowledged.
  report.mark_lost = found->lost || (!log.mark && log.end > 1);

  if (log.end == 0) {
    report.created = true;
    const auto uuid = log.mark ? log.mark->log_uuid() : entropy.uuid();
    if (auto written = write_genesis(log, uuid, clock); !written) return fail(written.error());
  }
  if (auto read = read_genesis(log); !read) return fail(read.error());
  if (auto settled = settle_mark(log, paths); !settled) return fail(settled.error());
  report.end = log.end;
  return log;
}

}  // namespace solo::producers
