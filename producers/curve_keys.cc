#include "producers/curve_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <utility>

#include "producers/file_io.h"
#include "producers/secret_bytes.h"

namespace solo::producers {
namespace {

using schemas::ErrorCode;
using schemas::fail;
using schemas::Result;

constexpr std::size_t kZ85Key = 40;
constexpr std::size_t kMaxFile = 1'024;
/// For a public key that begins with a letter or a digit: on a command line nothing else is meant by it. Two out of
/// three do.
constexpr int kTries = 64;

std::string_view value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.size() == name.size() + 1 + kZ85Key && line.starts_with(name) && line[name.size()] == ' ') {
      return line.substr(name.size() + 1);
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

}  // namespace

CurveKeyPair make_curve_keys(Entropy& entropy) {
  CurveKeyPair keys;
  for (int tries = 0; tries < kTries; ++tries) {
    entropy.fill(keys.secret_key);
    crypto_scalarmult_base(keys.public_key.data(), keys.secret_key.data());
    const char first = to_z85(keys.public_key).front();
    if (std::isalnum(static_cast<unsigned char>(first)) != 0) break;
  }
  return keys;
}

std::string to_z85(const CurveKey& key) {
  std::array<char, kZ85Key + 1> text{};
  zmq_z85_encode(text.data(), key.data(), key.size());
  std::string result(text.data());
  sodium_memzero(text.data(), text.size());
  return result;
}

Result<CurveKey> parse_z85(std::string_view text) {
  CurveKey key{};
  std::string copy(text);
  const bool good = copy.size() == kZ85Key && copy.find('\0') == std::string::npos &&
                    zmq_z85_decode(key.data(), copy.c_str()) != nullptr;
  wipe(copy);
  if (good) return key;
  return fail(ErrorCode::invalid_argument, "this is not a key in Z85",
              "40 characters, as `solo keys generate` prints it");
}

Result<void> write_curve_keys(const std::filesystem::path& path, const CurveKeyPair& keys) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) {
    if (errno == EEXIST) {
      return fail(ErrorCode::already_exists, fmt::format("{} is there already", path.native()),
                  "take another name, or move it away");
    }
    return fail(errno_error("create", path));
  }
  std::string text = fmt::format("public {}\nsecret {}\n", to_z85(keys.public_key), to_z85(keys.secret_key));
  const auto written = ::write(file.get(), text.data(), text.size());
  const bool good = written == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0;
  wipe(text);
  if (!good) {
    auto error = errno_error("write", path);
    ::unlink(path.c_str());
    return fail(std::move(error));
  }
  return sync_directory(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Result<CurveKeyPair> read_curve_keys(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    if (errno == ENOENT) return fail(ErrorCode::not_found, fmt::format("there is no key file {}", path.native()));
    return fail(errno_error("open", path));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fail(errno_error("look at", path));
  std::string text(kMaxFile, '\0');
  const auto got = ::read(file.get(), text.data(), text.size());
  const std::string_view content(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto public_key = parse_z85(value_of(content, "public"));
  const auto secret_key = parse_z85(value_of(content, "secret"));
  const bool nothing_secret = public_key && content.find("secret") == std::string_view::npos;
  wipe(text);
  if (nothing_secret) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} holds a public key alone", path.native()),
                "a pair is wanted: the file that `solo keys generate` made");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::failed_precondition,
                fmt::format("{} holds a secret key and is open to others", path.native()),
                fmt::format("chmod 600 {}", path.native()));
  }
  CurveKeyPair keys;
  if (secret_key) crypto_scalarmult_base(keys.public_key.data(), secret_key->data());
  if (!public_key || !secret_key || keys.public_key != *public_key) {
    return fail(ErrorCode::invalid_argument, fmt::format("{} holds no pair of CURVE keys", path.native()),
                "its lines are `public KEY` and `secret KEY`; `solo keys generate` makes a new pair");
  }
  keys.secret_key = *secret_key;
  return keys;
}

Result<CurveKeyPair> read_or_make_curve_keys(const std::filesystem::path& path, Entropy& entropy) {
  auto keys = read_curve_keys(path);
  if (keys || keys.error().code != ErrorCode::not_found) return keys;
  const CurveKeyPair made = make_curve_keys(entropy);
  if (auto written = write_curve_keys(path, made); !written) return fail(written.error());
  return made;
}

}  // namespace solo::producers
