// The client's half of CURVE for one connection, byte by byte: for tests that say what libzmq never would.
//
// Each step returns the bytes as they go over the wire, frame and all.
#pragma once

#include <sodium.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "producers/curve_keys.h"
#include "producers/entropy.h"

namespace solo::testing {

class CurveClient {
 public:
  CurveClient(const producers::CurveKey& server, const producers::CurveKeyPair& own)
      : server_(server), own_(own), short_(producers::make_curve_keys(entropy_)) {}

  static std::string greeting() {
    std::string bytes("\xff\0\0\0\0\0\0\0\0\x7f\3\1CURVE", 17);
    bytes.resize(64);
    return bytes;
  }

  std::string hello() {
    std::string command("\5HELLO\1\0", 8);
    command.resize(80);
    command.append(text(short_.public_key));
    const std::string number = next_number();
    command.append(number);
    return framed(4, command + box("CurveZMQHELLO---" + number, std::string(64, '\0'), server_, short_.secret_key));
  }

  /// Its content, without the frame. false: it is not from the server.
  bool welcome(std::string_view command) {
    if (command.size() != 168 || command.substr(0, 8) != std::string_view("\7WELCOME", 8)) return false;
    const auto plain =
        unbox("WELCOME-" + std::string(command.substr(8, 16)), command.substr(24), server_, short_.secret_key);
    if (!plain) return false;
    std::memcpy(server_short_.data(), plain->data(), server_short_.size());
    cookie_ = plain->substr(32);
    return true;
  }

  /// What a DEALER says of itself.
  static std::string metadata() { return std::string("\13Socket-Type\0\0\0\6DEALER", 22); }

  /// `vouched`: the short-term key that the long-term one speaks for; its own.
  std::string initiate(std::string_view about = {}, const producers::CurveKey* vouched = nullptr) {
    const std::string said = about.empty() ? metadata() : std::string(about);
    std::string nonce(16, '\0');
    entropy_.fill({reinterpret_cast<std::uint8_t*>(nonce.data()), nonce.size()});
    const std::string vouch = box("VOUCH---" + nonce, text(vouched ? *vouched : short_.public_key) + text(server_),
                                  server_short_, own_.secret_key);
    const std::string number = next_number();
    return framed(4, std::string("\10INITIATE", 9) + cookie_ + number +
                         box("CurveZMQINITIATE" + number, text(own_.public_key) + nonce + vouch + said, server_short_,
                             short_.secret_key));
  }

  /// A frame of a message. flags: 1 more, 2 command.
  std::string message(std::string_view content, char flags = 0) {
    const std::string number = next_number();
    return framed(0, std::string("\7MESSAGE", 8) + number +
                         box("CurveZMQMESSAGEC" + number, std::string(1, flags) + std::string(content), server_short_,
                             short_.secret_key));
  }

  /// What the server has sealed, without the frame: flags and content.
  std::optional<std::string> open(std::string_view command) const {
    if (command.size() < 16 || command.substr(0, 8) != std::string_view("\7MESSAGE", 8)) return std::nullopt;
    return unbox("CurveZMQMESSAGES" + std::string(command.substr(8, 8)), command.substr(16), server_short_,
                 short_.secret_key);
  }

  const producers::CurveKey& short_key() const { return short_.public_key; }

  static std::string framed(char flags, std::string_view content) {
    const bool is_long = content.size() > 255;
    std::string bytes(1, static_cast<char>(flags | (is_long ? 2 : 0)));
    for (int i = is_long ? 7 : 0; i >= 0; --i) bytes.push_back(static_cast<char>(content.size() >> (8 * i)));
    return bytes.append(content);
  }

 private:
  static std::string text(const producers::CurveKey& key) {
    return {reinterpret_cast<const char*>(key.data()), key.size()};
  }
  static const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }

  std::string next_number() {
    const std::uint64_t number = next_++;
    std::string bytes;
    for (int i = 7; i >= 0; --i) bytes.push_back(static_cast<char>(number >> (8 * i)));
    return bytes;
  }

  static std::string box(std::string_view nonce, std::string_view plain, const producers::CurveKey& to,
                         const producers::CurveKey& from) {
    std::string sealed(plain.size() + crypto_box_MACBYTES, '\0');
    (void)!crypto_box_easy(reinterpret_cast<unsigned char*>(sealed.data()), bytes_of(plain), plain.size(),
                           bytes_of(nonce), to.data(), from.data());
    return sealed;
  }
  static std::optional<std::string> unbox(std::string_view nonce, std::string_view sealed,
                                          const producers::CurveKey& from, const producers::CurveKey& to) {
    if (sealed.size() < crypto_box_MACBYTES) return std::nullopt;
    std::string plain(sealed.size() - crypto_box_MACBYTES, '\0');
    if (crypto_box_open_easy(reinterpret_cast<unsigned char*>(plain.data()), bytes_of(sealed), sealed.size(),
                             bytes_of(nonce), from.data(), to.data()) != 0) {
      return std::nullopt;
    }
    return plain;
  }

  producers::SystemEntropy entropy_;
  producers::CurveKey server_;
  producers::CurveKeyPair own_;
  producers::CurveKeyPair short_;
  producers::CurveKey server_short_{};
  std::string cookie_;
  std::uint64_t next_ = 1;
};

}  // namespace solo::testing
