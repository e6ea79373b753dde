// A TCP proxy on loopback that can become a black hole: connections stay, and what goes through them is lost, as in a
// network that drops packets. Or it takes its time, as a network that is far.
//
// Threads: one of its own moves the bytes; every function may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace solo::testing {

class TcpProxy {
 public:
  enum class Mode : std::uint8_t {
    forward,
    /// Both ways.
    swallow,
    /// What clients send still arrives.
    swallow_answers,
  };

  /// Listens; connections are taken once there is a target.
  TcpProxy();
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  /// 127.0.0.1:PORT.
  std::string address() const;
  /// 127.0.0.1:PORT of who is behind it.
  void set_target(const std::string& address);

  /// Has taken effect when it returns. Leaving a black hole ends the connections that something was lost of.
  void set_mode(Mode mode);

  /// What comes from now on is passed on so much later: half a round trip.
  void set_delay(std::chrono::milliseconds delay);

  /// Connections taken so far, and bytes lost of those that clients sent.
  std::uint64_t accepted() const;
  std::uint64_t swallowed() const;
  /// Bytes that came from who is behind it.
  std::uint64_t answered() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::testing
