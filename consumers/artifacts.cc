#include "consumers/artifacts.h"

#include <sodium/crypto_generichash.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "consumers/files.h"

namespace solo::consumers {

namespace {

using schemas::ErrorCode;
using schemas::Result;

constexpr std::string_view kScript = "script-";
constexpr std::string_view kProgram = "cxx-";
constexpr std::size_t kDigestLength = 64;
constexpr std::size_t kCommandHashLength = 8;

std::string hash_hex(std::string_view bytes) {
  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                     nullptr, 0);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : hash) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xfU];
  }
  return hex;
}

std::string hash_of(const std::vector<std::string>& command) {
  std::string joined;
  for (const std::string& word : command) (joined += word) += '\0';
  return hash_hex(joined).substr(0, kCommandHashLength);
}

// Of which code an entry of the folder is; empty: of none.
std::string digest_of(const std::string& name) {
  for (const std::string_view prefix : {kScript, kProgram}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size(), kDigestLength);
  }
  return {};
}

}  // namespace

Artifacts::Artifacts(std::filesystem::path state, const std::vector<std::string>& compiler)
    : folder_(std::move(state) / "artifacts"), command_hash_(hash_of(compiler)) {}

Result<std::string> Artifacts::script(const std::string& digest, std::string_view text) {
  use(digest);
  const std::filesystem::path path = folder_ / (std::string(kScript) + digest);
  if (is_known(path)) return path.string();
  const auto there = read_file(path);
  const bool sound = there && *there == text && ::access(path.c_str(), X_OK) == 0;
  if (!sound) {
    if (auto made = make_folder(); !made) return schemas::fail(std::move(made.error()));
    if (auto written = write_file(path, text, 0700); !written) return schemas::fail(std::move(written.error()));
  }
  remember(path);
  return path.string();
}

std::optional<std::string> Artifacts::program(const std::string& digest) {
  use(digest);
  const std::filesystem::path path = program_folder(digest) / "program";
  if (is_known(path)) return path.string();
  const auto bytes = read_file(path);
  const auto sum = read_file(program_folder(digest) / "sum");
  if (!bytes || !sum || hash_hex(*bytes) != *sum || ::access(path.c_str(), X_OK) != 0) return std::nullopt;
  remember(path);
  return path.string();
}

Result<std::filesystem::path> Artifacts::begin_build(const std::string& digest, std::string_view source) {
  if (auto made = make_folder(); !made) return schemas::fail(std::move(made.error()));
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++builds_;
  }
  std::filesystem::path build =
      folder_ / ("build-" + digest.substr(0, 16) + "-" + std::to_string(::getpid()) + "-" + std::to_string(number));
  std::error_code error;
  std::filesystem::remove_all(build, error);
  std::filesystem::create_directory(build, error);
  if (error) {
    const bool full = error == std::errc::no_space_on_device;
    return schemas::fail(full ? ErrorCode::resource_exhausted : ErrorCode::unavailable,
                         "cannot make " + build.string() + ": " + error.message(), {}, full);
  }
  if (auto written = write_file(build / "main.cc", source, 0600); !written) {
    drop_build(build);
    return schemas::fail(std::move(written.error()));
  }
  return build;
}

Result<std::string> Artifacts::finish_build(const std::string& digest, const std::filesystem::path& build) {
  const auto bytes = read_file(build / "program");
  if (!bytes) return schemas::fail_with("the compiler left no program", bytes.error());
  if (auto written = write_file(build / "sum", hash_hex(*bytes), 0600); !written) {
    return schemas::fail(std::move(written.error()));
  }
  if (auto synced = sync_path(build / "program"); !synced) return schemas::fail(std::move(synced.error()));
  std::error_code error;
  std::filesystem::remove(build / "main.cc", error);
  std::filesystem::remove(build / "output", error);
  const std::filesystem::path folder = program_folder(digest);
  std::filesystem::remove_all(folder, error);
  std::filesystem::rename(build, folder, error);
  if (error) return schemas::fail(ErrorCode::unavailable, "cannot make " + folder.string() + ": " + error.message());
  if (auto synced = sync_path(folder_); !synced) return schemas::fail(std::move(synced.error()));
  remember(folder / "program");
  return (folder / "program").string();
}

void Artifacts::drop_build(const std::filesystem::path& build) {
  std::error_code ignored;
  std::filesystem::remove_all(build, ignored);
}

std::size_t Artifacts::sweep(const std::set<std::string>& digests) {
  std::size_t removed = 0;
  std::error_code error;
  const std::string own_builds = "-" + std::to_string(::getpid()) + "-";
  for (std::filesystem::directory_iterator entry(folder_, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // What this run is writing just now bears its pid.
    if (name.find(own_builds) != std::string::npos) continue;
    // Held over the removal: whoever asks for it meanwhile finds it gone afterwards, and makes it again.
    const std::lock_guard lock(mutex_);
    const std::string digest = digest_of(name);
    if (digests.contains(digest) || used_.contains(digest)) continue;
    std::error_code ignored;
    std::filesystem::remove_all(entry->path(), ignored);
    ++removed;
  }
  return removed;
}

std::optional<Artifacts::Seen> Artifacts::look(const std::filesystem::path& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) return std::nullopt;
  return Seen{about.st_ino, about.st_size, about.st_ctim.tv_sec * 1'000'000'000 + about.st_ctim.tv_nsec};
}

bool Artifacts::is_known(const std::filesystem::path& path) {
  const auto now = look(path);
  const std::lock_guard lock(mutex_);
  const auto found = sound_.find(path);
  return now && found != sound_.end() && found->second == *now;
}

void Artifacts::remember(const std::filesystem::path& path) {
  const auto now = look(path);
  const std::lock_guard lock(mutex_);
  if (now) sound_[path] = *now;
}

void Artifacts::use(const std::string& digest) {
  const std::lock_guard lock(mutex_);
  used_.insert(digest);
}

Result<void> Artifacts::make_folder() {
  if (::mkdir(folder_.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return schemas::fail(ErrorCode::unavailable,
                       "cannot make " + folder_.string() + ": " + std::generic_category().message(errno));
}

std::filesystem::path Artifacts::program_folder(const std::string& digest) const {
  return folder_ / (std::string(kProgram) + digest + "-" + command_hash_);
}

}  // namespace solo::consumers
