// The server's half of CurveZMQ for one connection: what ZeroMQ calls the mechanism CURVE. No I/O.
//
// Commands go in and out as ZMTP carries them, without the frame around them. The source is RFC 26 (rfc.zeromq.org):
// hello() makes the server's short-term keys, initiate() proves who the client is, seal() and open() carry frames. The
// cookie, with which a server may forget the client between the two steps, is only remembered here: a connection has
// its state anyhow. Secrets are overwritten at the end.
//
// Belongs to one thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "producers/entropy.h"

namespace solo::producers {

using CurveKey = std::array<std::uint8_t, 32>;

struct CurveKeyPair {
  CurveKey public_key{};
  CurveKey secret_key{};
};

class CurveServer {
 public:
  /// Borrows both.
  CurveServer(const CurveKeyPair& server, Entropy& entropy) : server_(server), entropy_(entropy) {}
  ~CurveServer();
  CurveServer(const CurveServer&) = delete;
  CurveServer& operator=(const CurveServer&) = delete;

  /// HELLO to WELCOME. Nothing: it is not from one who knows the server's public key.
  std::optional<std::string> hello(std::string_view command);

  struct Client {
    CurveKey public_key{};
    std::string metadata;
  };
  /// INITIATE. Nothing: the client does not hold the keys it names.
  std::optional<Client> initiate(std::string_view command);
  std::string ready(std::string_view metadata);

  /// Opens a MESSAGE in place: what is left of it is the frame's content. Nothing: it was changed, repeated, or is
  /// none.
  struct Flags {
    bool more = false;
    bool command = false;
  };
  std::optional<Flags> open(std::string& message);
  /// Appends the MESSAGE to `out`.
  void seal(Flags flags, std::string_view content, std::string& out);
  static std::size_t sealed_size(std::size_t content);

 private:
  bool take_nonce(std::string_view bytes);

  const CurveKeyPair& server_;
  Entropy& entropy_;
  CurveKeyPair own_;
  CurveKey client_short_{};
  CurveKey shared_{};
  std::array<char, 96> cookie_{};
  std::uint64_t last_nonce_ = 0;
  std::uint64_t next_nonce_ = 1;
};

}  // namespace solo::producers
