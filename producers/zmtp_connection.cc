#include "producers/zmtp_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "producers/secret_bytes.h"

namespace solo::producers {
namespace {

constexpr std::size_t kGreeting = 64;
constexpr std::size_t kSignature = 10;
constexpr std::size_t kMechanismAt = 12;
constexpr std::size_t kMechanism = 20;
constexpr std::size_t kMaxCommand = 8 * 1024;
constexpr std::uint8_t kMore = 1;
constexpr std::uint8_t kLong = 2;
constexpr std::uint8_t kCommand = 4;
constexpr std::size_t kShortSize = 255;
constexpr std::size_t kMaxPingContext = 16;

constexpr std::string_view kReady("\5READY", 6);
constexpr std::string_view kPing("\4PING", 5);
constexpr std::string_view kPong("\4PONG", 5);
constexpr std::string_view kError("\5ERROR", 6);

void put_big_endian(std::string& out, std::uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(number >> (8 * i)));
}

void put_header(std::string& out, std::uint8_t flags, std::size_t size) {
  const bool is_long = size > kShortSize;
  out.push_back(static_cast<char>(flags | (is_long ? kLong : 0)));
  put_big_endian(out, size, is_long ? 8 : 1);
}

std::string padded_mechanism(bool curve) {
  std::string name(curve ? "CURVE" : "NULL");
  name.resize(kMechanism);
  return name;
}

std::string own_metadata() {
  std::string metadata;
  const auto put = [&](std::string_view name, std::string_view value) {
    metadata.push_back(static_cast<char>(name.size()));
    metadata.append(name);
    put_big_endian(metadata, value.size(), 4);
    metadata.append(value);
  };
  put("Socket-Type", "ROUTER");
  put("Identity", "");
  return metadata;
}

bool same_name(std::string_view name, std::string_view lower) {
  return std::equal(name.begin(), name.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

/// The peer's socket type; empty: the metadata are malformed or name none.
std::string_view socket_type(std::string_view metadata) {
  std::string_view type;
  while (!metadata.empty()) {
    const std::size_t name_size = static_cast<std::uint8_t>(metadata[0]);
    if (metadata.size() < 1 + name_size + 4) return {};
    const std::string_view name = metadata.substr(1, name_size);
    metadata.remove_prefix(1 + name_size);
    std::size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<std::uint8_t>(metadata[static_cast<std::size_t>(i)]);
    metadata.remove_prefix(4);
    if (metadata.size() < size) return {};
    if (same_name(name, "socket-type")) type = metadata.substr(0, size);
    metadata.remove_prefix(size);
  }
  return type;
}

}  // namespace

ZmtpMessage& ZmtpMessage::operator=(ZmtpMessage&& other) noexcept {
  frames.swap(other.frames);
  count = other.count;
  bytes = other.bytes;
  fate = other.fate;
  return *this;
}

ZmtpMessage::~ZmtpMessage() {
  for (std::string& frame : frames) wipe(frame);
}

ZmtpConnection::ZmtpConnection(const Options& options, Budget& budget, Entropy& entropy)
    : options_(options), budget_(budget) {
  if (options.curve != nullptr) curve_ = std::make_unique<CurveServer>(*options.curve, entropy);
  greet();
}

ZmtpConnection::~ZmtpConnection() {
  budget_.held -= held_;
  wipe(raw_);
}

void ZmtpConnection::greet() {
  const bool curve = curve_ != nullptr;
  output_.push_back('\xff');
  output_.append(8, '\0');
  output_.push_back('\x7f');
  output_.push_back(3);
  output_.push_back(1);
  output_.append(padded_mechanism(curve));
  output_.push_back(curve ? 1 : 0);
  output_.resize(kGreeting);
}

void ZmtpConnection::give_up(std::string_view why) {
  if (state_ == State::broken) return;
  state_ = State::broken;
  why_ = why;
}

void ZmtpConnection::refuse(std::string_view reason, std::string_view why) {
  std::string command(kError);
  command.push_back(static_cast<char>(reason.size()));
  put_command(command.append(reason));
  give_up(why);
}

void ZmtpConnection::put_command(std::string_view command) {
  put_header(output_, kCommand, command.size());
  output_.append(command);
}

void ZmtpConnection::feed(std::string_view& bytes) {
  while (!bytes.empty() && state_ != State::broken && inbox_.size() < kInbox) {
    if (greeting_.size() < kGreeting) {
      take_greeting(bytes);
    } else if (in_content_) {
      take_content(bytes);
    } else {
      take_header(bytes);
    }
  }
  if (state_ == State::broken) bytes = {};
}

void ZmtpConnection::take_greeting(std::string_view& bytes) {
  const std::size_t taken = std::min(bytes.size(), kGreeting - greeting_.size());
  greeting_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  if (greeting_[0] != '\xff' || (greeting_.size() >= kSignature && (greeting_[kSignature - 1] & 1) == 0)) {
    return give_up("this is not ZMTP");
  }
  if (greeting_.size() > kSignature && static_cast<std::uint8_t>(greeting_[kSignature]) < 3) {
    return give_up("its ZMTP is older than 3.0");
  }
  if (greeting_.size() < kGreeting) return;
  if (greeting_.compare(kMechanismAt, kMechanism, padded_mechanism(curve_ != nullptr)) != 0) {
    return give_up(curve_ ? "it does not speak CURVE" : "it does not speak the mechanism NULL");
  }
  // With NULL both sides speak at once.
  if (!curve_) put_command(std::string(kReady).append(own_metadata()));
}

void ZmtpConnection::take_header(std::string_view& bytes) {
  const auto needed = [&] { return header_size_ == 0 ? 1U : (header_[0] & kLong) != 0 ? 9U : 2U; };
  while (!bytes.empty() && header_size_ < needed()) {
    header_[header_size_++] = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
  }
  if (header_size_ < 2 || header_size_ < needed()) return;
  flags_ = header_[0];
  left_ = 0;
  for (std::size_t i = 1; i < header_size_; ++i) left_ = left_ << 8 | header_[i];
  begin_frame();
}

void ZmtpConnection::begin_frame() {
  const std::size_t header = std::exchange(header_size_, 0);
  if ((flags_ & ~(kMore | kLong | kCommand)) != 0) return give_up("a frame with unknown flags");
  const bool command = (flags_ & kCommand) != 0;
  raw_.clear();
  if (state_ == State::handshake || (command && !curve_)) {
    if (!command) return give_up("a message before the handshake");
    if (left_ > kMaxCommand) return give_up("a command that is too long");
    goes_ = Goes::to_command;
  } else {
    if (left_ > options_.max_wire || wire_ + header + left_ > options_.max_wire) return give_up("an endless message");
    wire_ += header + left_;
    if (curve_) {
      goes_ = Goes::to_seal;
      if (left_ > CurveServer::sealed_size(options_.max_message)) {
        goes_ = Goes::nowhere;
        message_.fate = ZmtpMessage::Fate::too_long;
        message_.bytes += left_;
      }
    } else {
      begin_part(left_);
    }
  }
  in_content_ = true;
  if (left_ == 0) end_frame();
}

/// The next frame of the message, of `size` bytes: is it kept?
void ZmtpConnection::begin_part(std::size_t size) {
  ++message_.count;
  message_.bytes += size;
  if (message_.bytes > options_.max_message && message_.fate == ZmtpMessage::Fate::whole) {
    message_.fate = ZmtpMessage::Fate::too_long;
  }
  const bool kept = message_.count <= options_.max_frames;
  if (kept) message_.frames.emplace_back();
  goes_ = kept && message_.fate == ZmtpMessage::Fate::whole ? Goes::to_part : Goes::nowhere;
}

void ZmtpConnection::take_content(std::string_view& bytes) {
  const std::string_view chunk = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), left_));
  bytes.remove_prefix(chunk.size());
  if (goes_ == Goes::to_command) {
    append_secret(raw_, chunk, chunk.size() + left_);
  } else if (goes_ == Goes::to_part) {
    hold(message_.frames.back(), chunk);
  } else if (goes_ == Goes::to_seal) {
    hold(raw_, chunk);
  }
  left_ -= chunk.size();
  if (left_ == 0) end_frame();
}

void ZmtpConnection::hold(std::string& text, std::string_view bytes) {
  if (budget_.held + bytes.size() > budget_.limit) {
    held_ -= text.size();
    budget_.held -= text.size();
    wipe(text);
    message_.fate = ZmtpMessage::Fate::no_room;
    goes_ = Goes::nowhere;
    return;
  }
  held_ += bytes.size();
  budget_.held += bytes.size();
  append_secret(text, bytes, text.size() + left_);
}

void ZmtpConnection::end_frame() {
  in_content_ = false;
  if (goes_ == Goes::to_command) {
    if (state_ == State::handshake) {
      shake_hands(raw_);
    } else {
      obey(raw_);
    }
  } else if (curve_) {
    end_sealed_frame();
  } else {
    end_part((flags_ & kMore) != 0);
  }
}

void ZmtpConnection::end_sealed_frame() {
  // Whether more would follow one that was not kept is sealed with it: it ends its message.
  if (goes_ == Goes::nowhere) {
    ++message_.count;
    if (message_.frames.size() < options_.max_frames) message_.frames.emplace_back();
    return end_part(false);
  }
  const std::size_t sealed = raw_.size();
  const auto flags = curve_->open(raw_);
  held_ -= sealed;
  budget_.held -= sealed;
  if (!flags) return give_up("a frame that was not sealed by this client");
  if (flags->command) return obey(raw_);
  begin_part(raw_.size());
  if (goes_ == Goes::to_part) {
    message_.frames.back().swap(raw_);
    held_ += message_.frames.back().size();
    budget_.held += message_.frames.back().size();
  }
  end_part(flags->more);
}

void ZmtpConnection::end_part(bool more) {
  if (more) return;
  wire_ = 0;
  inbox_.push_back(std::exchange(message_, {}));
}

ZmtpMessage ZmtpConnection::next() {
  assert(!inbox_.empty());
  ZmtpMessage message = std::move(inbox_.front());
  inbox_.pop_front();
  std::size_t bytes = 0;
  for (const std::string& frame : message.frames) bytes += frame.size();
  held_ -= bytes;
  budget_.held -= bytes;
  return message;
}

void ZmtpConnection::shake_hands(std::string_view command) {
  if (!curve_) {
    if (!command.starts_with(kReady)) return give_up("the handshake begins with something else than READY");
    return open_with(command.substr(kReady.size()));
  }
  if (!welcomed_) {
    const auto welcome = curve_->hello(command);
    if (!welcome) return give_up("its HELLO was not made for this server's key");
    welcomed_ = true;
    return put_command(*welcome);
  }
  const auto client = curve_->initiate(command);
  if (!client) return give_up("its INITIATE does not prove its key");
  client_key_ = client->public_key;
  if (options_.allow && !options_.allow(*client_key_)) {
    key_refused_ = true;
    return refuse("400", "its key is not among those allowed");
  }
  open_with(client->metadata);
}

void ZmtpConnection::open_with(std::string_view metadata) {
  const std::string_view type = socket_type(metadata);
  if (type != "DEALER" && type != "REQ" && type != "ROUTER") {
    return refuse("a ROUTER answers REQ and DEALER", "its socket is neither REQ nor DEALER");
  }
  if (curve_) put_command(curve_->ready(own_metadata()));
  state_ = State::open;
}

void ZmtpConnection::obey(std::string_view command) {
  if (command.starts_with(kError)) return give_up("it sent an ERROR");
  if (!command.starts_with(kPing)) return;
  const std::string_view context = command.substr(std::min(command.size(), kPing.size() + 2));
  if (context.size() > kMaxPingContext) return give_up("a PING that is too long");
  const std::string pong = std::string(kPong).append(context);
  if (!curve_) return put_command(pong);
  put_header(output_, 0, CurveServer::sealed_size(pong.size()));
  curve_->seal({.more = false, .command = true}, pong, output_);
}

void ZmtpConnection::send(std::span<const std::string_view> frames) {
  assert(state_ == State::open);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool more = i + 1 < frames.size();
    if (curve_) {
      put_header(output_, 0, CurveServer::sealed_size(frames[i].size()));
      curve_->seal({.more = more, .command = false}, frames[i], output_);
    } else {
      put_header(output_, more ? kMore : 0, frames[i].size());
      output_.append(frames[i]);
    }
  }
}

}  // namespace solo::producers
