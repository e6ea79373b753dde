// The server's end of one ZeroMQ connection: bytes in, messages out, and back. No I/O.
//
// ZMTP 3.1 (RFC 37) with the mechanisms NULL and CURVE, as a ROUTER that answers REQ, DEALER and ROUTER. It is here,
// and not libzmq's, because libzmq 4.3.4 leaves three things to its peers: an ipc connection that finds no descriptor
// ends the process, a message of endlessly many frames is collected without bound, and connections that never finish
// their handshake are not counted.
//
// What a peer can make it hold is bounded: one message as far as `max_message` bytes (of a longer one its length alone
// is kept, and it is delivered as too long), and over all connections what the Budget allows. A message over `max_wire`
// bytes, counted with its frames' headers, and anything that is not ZMTP break the connection.
//
// Belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "producers/curve_server.h"

namespace solo::producers {

struct ZmtpMessage {
  enum class Fate : std::uint8_t {
    whole,
    /// More than `max_message` bytes: the frame that was too long, and all behind it, are empty.
    too_long,
    /// The same, because of the budget.
    no_room,
  };
  /// The first few; wiped by the destructor.
  std::vector<std::string> frames;
  /// How many there were.
  std::size_t count = 0;
  /// Of all frames, without their headers.
  std::size_t bytes = 0;
  Fate fate = Fate::whole;

  ZmtpMessage() = default;
  ZmtpMessage(ZmtpMessage&&) = default;
  ZmtpMessage& operator=(ZmtpMessage&& other) noexcept;
  ZmtpMessage(const ZmtpMessage&) = delete;
  ZmtpMessage& operator=(const ZmtpMessage&) = delete;
  ~ZmtpMessage();
};

class ZmtpConnection {
 public:
  enum class State : std::uint8_t { handshake, open, broken };

  /// Bytes of received messages, over all connections that share it.
  struct Budget {
    std::size_t limit = 0;
    std::size_t held = 0;
  };

  struct Options {
    std::size_t max_message = 1024 * 1024;
    std::size_t max_wire = 16 * 1024 * 1024;
    /// How many frames of a message are kept.
    std::size_t max_frames = 4;
    /// nullptr: NULL.
    const CurveKeyPair* curve = nullptr;
    /// May a client with this key connect? Asked with CURVE only.
    std::function<bool(const CurveKey&)> allow = {};
  };

  /// Messages that wait here at most.
  static constexpr std::size_t kInbox = 64;

  /// Borrows all three.
  ZmtpConnection(const Options& options, Budget& budget, Entropy& entropy);
  ~ZmtpConnection();
  ZmtpConnection(const ZmtpConnection&) = delete;
  ZmtpConnection& operator=(const ZmtpConnection&) = delete;

  /// Takes bytes from the front as far as kInbox messages wait to be taken; all of them if it breaks.
  void feed(std::string_view& bytes);
  State state() const { return state_; }
  /// Why it is broken, or empty.
  std::string_view why() const { return why_; }
  /// Its key is proven: once it is open, or when it was refused. CURVE only.
  const std::optional<CurveKey>& client_key() const { return client_key_; }
  /// It broke because `allow` said no.
  bool key_refused() const { return key_refused_; }

  bool has_message() const { return !inbox_.empty(); }
  /// The oldest one; there must be one.
  ZmtpMessage next();

  /// Once it is open.
  void send(std::span<const std::string_view> frames);
  /// What is to be written to the peer; the caller takes away what it has written.
  std::string& output() { return output_; }

 private:
  void take_greeting(std::string_view& bytes);
  void take_header(std::string_view& bytes);
  void take_content(std::string_view& bytes);
  void begin_frame();
  void end_frame();
  void begin_part(std::size_t size);
  void hold(std::string& text, std::string_view bytes);
  void end_part(bool more);
  void end_sealed_frame();
  void greet();
  void shake_hands(std::string_view command);
  void open_with(std::string_view metadata);
  void obey(std::string_view command);
  void put_command(std::string_view command);
  void give_up(std::string_view why);
  void refuse(std::string_view reason, std::string_view why);

  const Options& options_;
  Budget& budget_;
  std::unique_ptr<CurveServer> curve_;
  State state_ = State::handshake;
  std::string why_;
  std::string greeting_;
  bool welcomed_ = false;
  std::optional<CurveKey> client_key_;
  bool key_refused_ = false;

  // The frame that is being read.
  std::array<std::uint8_t, 9> header_{};
  std::size_t header_size_ = 0;
  std::uint8_t flags_ = 0;
  std::uint64_t left_ = 0;
  bool in_content_ = false;
  enum class Goes : std::uint8_t { to_command, to_part, to_seal, nowhere } goes_ = Goes::nowhere;
  /// A command, or a sealed frame.
  std::string raw_;

  // The message that is being read.
  ZmtpMessage message_;
  std::size_t wire_ = 0;
  /// What of it, and of the inbox, counts in the budget.
  std::size_t held_ = 0;

  std::deque<ZmtpMessage> inbox_;
  std::string output_;
};

}  // namespace solo::producers
