#include "producers/curve_server.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace solo::producers {
namespace {

using Nonce = std::array<std::uint8_t, crypto_box_NONCEBYTES>;

constexpr std::string_view kHello("\5HELLO", 6);
constexpr std::string_view kWelcome("\7WELCOME", 8);
constexpr std::string_view kInitiate("\10INITIATE", 9);
constexpr std::string_view kReady("\5READY", 6);
constexpr std::string_view kMessage("\7MESSAGE", 8);
constexpr std::size_t kMac = crypto_box_MACBYTES;
constexpr std::size_t kKey = 32;
constexpr std::size_t kShortNonce = 8;
constexpr std::size_t kLongNonce = 16;
constexpr std::size_t kCookie = 96;
constexpr std::size_t kZeros = 64;
constexpr std::size_t kHelloSize = 200;
constexpr std::size_t kVouchBox = 2 * kKey + kMac;
constexpr std::size_t kInitiateFixed = kKey + kLongNonce + kVouchBox;
constexpr std::uint8_t kMore = 1;
constexpr std::uint8_t kCommand = 2;

const std::uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }
std::uint8_t* bytes_of(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }

/// A nonce is what the step is called, and the bytes that came with it.
Nonce nonce_of(std::string_view step, std::string_view rest) {
  Nonce nonce{};
  assert(step.size() + rest.size() == nonce.size());
  std::memcpy(nonce.data(), step.data(), step.size());
  std::memcpy(nonce.data() + step.size(), rest.data(), rest.size());
  return nonce;
}

std::string big_endian(std::uint64_t number) {
  std::string bytes(kShortNonce, '\0');
  for (std::size_t i = 0; i < kShortNonce; ++i) bytes[i] = static_cast<char>(number >> (8 * (kShortNonce - 1 - i)));
  return bytes;
}

CurveKey key_at(std::string_view text) {
  CurveKey key{};
  std::memcpy(key.data(), text.data(), key.size());
  return key;
}

}  // namespace

CurveServer::~CurveServer() {
  sodium_memzero(own_.secret_key.data(), own_.secret_key.size());
  sodium_memzero(shared_.data(), shared_.size());
}

bool CurveServer::take_nonce(std::string_view bytes) {
  std::uint64_t nonce = 0;
  for (const char byte : bytes.substr(0, kShortNonce)) nonce = nonce << 8 | static_cast<std::uint8_t>(byte);
  if (nonce <= last_nonce_) return false;
  last_nonce_ = nonce;
  return true;
}

std::optional<std::string> CurveServer::hello(std::string_view command) {
  if (command.size() != kHelloSize || !command.starts_with(kHello) || command[6] != 1 || command[7] != 0) return {};
  client_short_ = key_at(command.substr(80));
  const std::string_view short_nonce = command.substr(112, kShortNonce);
  const std::string_view box = command.substr(120);
  std::array<std::uint8_t, kZeros> zeros{};
  const Nonce hello_nonce = nonce_of("CurveZMQHELLO---", short_nonce);
  if (crypto_box_open_easy(zeros.data(), bytes_of(box), box.size(), hello_nonce.data(), client_short_.data(),
                           server_.secret_key.data()) != 0 ||
      sodium_is_zero(zeros.data(), zeros.size()) == 0 || !take_nonce(short_nonce)) {
    return {};
  }
  entropy_.fill(own_.secret_key);
  crypto_scalarmult_base(own_.public_key.data(), own_.secret_key.data());
  entropy_.fill({reinterpret_cast<std::uint8_t*>(cookie_.data()), cookie_.size()});
  std::string long_nonce(kLongNonce, '\0');
  entropy_.fill({bytes_of(long_nonce), long_nonce.size()});

  std::array<std::uint8_t, kKey + kCookie> plain{};
  std::memcpy(plain.data(), own_.public_key.data(), kKey);
  std::memcpy(plain.data() + kKey, cookie_.data(), kCookie);
  std::string welcome(kWelcome);
  welcome.append(long_nonce).resize(kWelcome.size() + kLongNonce + plain.size() + kMac);
  const Nonce nonce = nonce_of("WELCOME-", long_nonce);
  if (crypto_box_easy(bytes_of(welcome) + kWelcome.size() + kLongNonce, plain.data(), plain.size(), nonce.data(),
                      client_short_.data(), server_.secret_key.data()) != 0) {
    return {};
  }
  return welcome;
}

std::optional<CurveServer::Client> CurveServer::initiate(std::string_view command) {
  constexpr std::size_t kBoxAt = kInitiate.size() + kCookie + kShortNonce;
  if (command.size() < kBoxAt + kMac + kInitiateFixed || !command.starts_with(kInitiate)) return {};
  if (sodium_memcmp(command.data() + kInitiate.size(), cookie_.data(), kCookie) != 0) return {};
  const std::string_view short_nonce = command.substr(kInitiate.size() + kCookie, kShortNonce);
  const std::string_view box = command.substr(kBoxAt);
  if (crypto_box_beforenm(shared_.data(), client_short_.data(), own_.secret_key.data()) != 0) return {};
  std::string plain(box.size() - kMac, '\0');
  const Nonce nonce = nonce_of("CurveZMQINITIATE", short_nonce);
  if (crypto_box_open_easy_afternm(bytes_of(plain), bytes_of(box), box.size(), nonce.data(), shared_.data()) != 0 ||
      !take_nonce(short_nonce)) {
    return {};
  }
  // The vouch: the client's long-term key says that this short-term key is its own, and for this server.
  Client client;
  client.public_key = key_at(plain);
  const std::string_view rest = plain;
  const Nonce vouch_nonce = nonce_of("VOUCH---", rest.substr(kKey, kLongNonce));
  std::array<std::uint8_t, 2 * kKey> vouch{};
  if (crypto_box_open_easy(vouch.data(), bytes_of(rest.substr(kKey + kLongNonce)), kVouchBox, vouch_nonce.data(),
                           client.public_key.data(), own_.secret_key.data()) != 0 ||
      sodium_memcmp(vouch.data(), client_short_.data(), kKey) != 0 ||
      sodium_memcmp(vouch.data() + kKey, server_.public_key.data(), kKey) != 0) {
    return {};
  }
  client.metadata = rest.substr(kInitiateFixed);
  return client;
}

std::string CurveServer::ready(std::string_view metadata) {
  const std::string short_nonce = big_endian(next_nonce_++);
  std::string command(kReady);
  command.append(short_nonce).resize(kReady.size() + kShortNonce + metadata.size() + kMac);
  const Nonce nonce = nonce_of("CurveZMQREADY---", short_nonce);
  crypto_box_easy_afternm(bytes_of(command) + kReady.size() + kShortNonce, bytes_of(metadata), metadata.size(),
                          nonce.data(), shared_.data());
  return command;
}

std::optional<CurveServer::Flags> CurveServer::open(std::string& message) {
  constexpr std::size_t kBoxAt = kMessage.size() + kShortNonce;
  const std::string_view view = message;
  if (view.size() < kBoxAt + kMac + 1 || !view.starts_with(kMessage)) return {};
  const std::string_view short_nonce = view.substr(kMessage.size(), kShortNonce);
  const Nonce nonce = nonce_of("CurveZMQMESSAGEC", short_nonce);
  if (!take_nonce(short_nonce)) return {};
  std::uint8_t* const box = bytes_of(message) + kBoxAt;
  if (crypto_box_open_easy_afternm(box, box, view.size() - kBoxAt, nonce.data(), shared_.data()) != 0) return {};
  const std::uint8_t flags = *box;
  const std::size_t size = view.size() - kBoxAt - kMac - 1;
  std::memmove(message.data(), box + 1, size);
  // What stood behind it may be a second copy of its end.
  sodium_memzero(message.data() + size, message.size() - size);
  message.resize(size);
  return Flags{(flags & kMore) != 0, (flags & kCommand) != 0};
}

std::size_t CurveServer::sealed_size(std::size_t content) { return kMessage.size() + kShortNonce + kMac + 1 + content; }

void CurveServer::seal(Flags flags, std::string_view content, std::string& out) {
  const std::string short_nonce = big_endian(next_nonce_++);
  const Nonce nonce = nonce_of("CurveZMQMESSAGES", short_nonce);
  out.append(kMessage).append(short_nonce);
  const std::size_t box_at = out.size();
  out.resize(box_at + kMac + 1 + content.size());
  std::uint8_t* const plain = bytes_of(out) + box_at + kMac;
  plain[0] = static_cast<std::uint8_t>((flags.more ? kMore : 0) | (flags.command ? kCommand : 0));
  std::copy(content.begin(), content.end(), plain + 1);
  crypto_box_detached_afternm(plain, bytes_of(out) + box_at, plain, content.size() + 1, nonce.data(), shared_.data());
}

}  // namespace solo::producers
