// Many clients at once, each with one request under way, in one thread. They speak ZMTP (RFC 37) by themselves: on a
// small machine libzmq's threads would be most of what is measured.
#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "producers/file_io.h"
#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "tests/fuzz/producers/zmtp_bytes.h"

namespace solo::bench {

/// The request that client `client` sends as its `number`-th.
using MakeRequest = std::function<v1::RequestT(int client, int number)>;

/// A DEALER on a Unix socket. What goes wrong ends the program.
class RawDealer {
 public:
  explicit RawDealer(const std::string& endpoint) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    constexpr std::string_view kScheme = "ipc://";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, endpoint.substr(kScheme.size()).c_str(), sizeof address.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) give_up("connect");
    write(test::zmtp_greeting("NULL") + test::zmtp_ready());
    constexpr std::size_t kGreeting = 64;
    while (received_.size() < kGreeting) read();
    received_.erase(0, kGreeting);
    while (!take_frame()) read();
  }

  int fd() const { return socket_.get(); }

  void send(std::string_view header, std::string_view body) {
    std::string bytes;
    put_frame(bytes, header, true);
    put_frame(bytes, body, false);
    write(bytes);
  }

  /// Reads once. The body of a message of two frames, if it is here now.
  std::optional<std::string> receive() {
    read();
    if (!header_) {
      header_ = take_frame();
      if (!header_) return std::nullopt;
    }
    auto body = take_frame();
    if (body) header_.reset();
    return body;
  }

 private:
  static constexpr unsigned kMore = 1;
  static constexpr unsigned kLong = 2;

  [[noreturn]] static void give_up(const char* what) {
    std::perror(what);
    std::exit(3);
  }

  static void put_frame(std::string& bytes, std::string_view frame, bool more) {
    const bool is_long = frame.size() > UINT8_MAX;
    bytes += static_cast<char>((more ? kMore : 0) | (is_long ? kLong : 0));
    for (int shift = is_long ? 56 : 0; shift >= 0; shift -= 8) bytes += static_cast<char>(frame.size() >> shift);
    bytes += frame;
  }

  std::optional<std::string> take_frame() {
    if (received_.empty()) return std::nullopt;
    const std::size_t digits = (static_cast<unsigned char>(received_[0]) & kLong) != 0 ? 8 : 1;
    if (received_.size() < 1 + digits) return std::nullopt;
    std::size_t size = 0;
    for (std::size_t at = 1; at <= digits; ++at) size = size << 8 | static_cast<unsigned char>(received_[at]);
    if (received_.size() < 1 + digits + size) return std::nullopt;
    std::string frame = received_.substr(1 + digits, size);
    received_.erase(0, 1 + digits + size);
    return frame;
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) give_up("send");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void read() {
    std::array<char, 16 * 1024> buffer;
    const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) give_up("recv");
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }

  producers::FileDescriptor socket_;
  std::string received_;
  std::optional<std::string> header_;
};

class Clients {
 public:
  Clients(const std::string& endpoint, int count, MakeRequest make)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), make_(std::move(make)) {
    dealers_.reserve(static_cast<std::size_t>(count));
    for (int client = 0; client < count; ++client) {
      dealers_.emplace_back(endpoint);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u32 = static_cast<std::uint32_t>(client);
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, dealers_.back().fd(), &event) != 0) std::exit(3);
    }
    sent_.assign(dealers_.size(), 0);
  }

  /// Answers a second. Whatever is not answered ok ends the program.
  double rate(std::chrono::duration<double> length) {
    using Clock = std::chrono::steady_clock;
    constexpr int kPatienceMs = 30'000;
    const auto begin = Clock::now();
    std::size_t answered = 0;
    std::size_t under_way = dealers_.size();
    for (std::size_t client = 0; client < dealers_.size(); ++client) send(client);
    std::array<epoll_event, 64> events;
    while (under_way > 0) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), kPatienceMs);
      if (count <= 0) std::exit(3);
      for (int at = 0; at < count; ++at) {
        const std::size_t client = events[static_cast<std::size_t>(at)].data.u32;
        if (!receive(client)) continue;
        ++answered;
        if (Clock::now() - begin < length) {
          send(client);
        } else {
          --under_way;
        }
      }
    }
    return static_cast<double>(answered) / std::chrono::duration<double>(Clock::now() - begin).count();
  }

 private:
  void send(std::size_t client) {
    dealers_[client].send("solo/1 flatbuffers", schemas::encode(make_(static_cast<int>(client), sent_[client]++)));
  }

  bool receive(std::size_t client) {
    const auto body = dealers_[client].receive();
    if (!body) return false;
    const auto reply = schemas::decode_reply(*body);
    if (reply && reply->ok) return true;
    std::fprintf(stderr, "%s\n", reply ? reply->error->message.c_str() : reply.error().message.c_str());
    std::exit(3);
  }

  producers::FileDescriptor epoll_;
  std::vector<RawDealer> dealers_;
  std::vector<int> sent_;
  const MakeRequest make_;
};

}  // namespace solo::bench
