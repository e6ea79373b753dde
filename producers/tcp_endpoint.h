// `tcp://HOST:PORT` endpoints: their form, and sockets for them. Functions are thread-safe.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "producers/file_io.h"
#include "schemas/result.h"

namespace solo::producers {

bool is_tcp(std::string_view endpoint);

struct TcpEndpoint {
  /// A name, or an address; an IPv6 address without its brackets.
  std::string host;
  std::uint16_t port = 0;
};

/// invalid_argument: not `tcp://HOST:PORT`, or HOST is `*`.
schemas::Result<TcpEndpoint> parse_tcp(const std::string& endpoint);

/// The same, as what one listens at: HOST is an address, and port 0 asks the kernel for one.
schemas::Result<TcpEndpoint> parse_tcp_to_listen(const std::string& endpoint);

/// A listening socket, non-blocking. already_exists: the port is taken; unavailable: the machine does not have the
/// address, or the port is one for root.
schemas::Result<FileDescriptor> listen_tcp(const std::string& endpoint, int backlog);

/// For an accepted connection: small replies leave at once, and a peer that is gone without a word is found out within
/// two minutes.
void set_up_tcp(int fd);

/// Where a socket is bound, or who is at its other end: `tcp://ADDRESS:PORT`; empty: it is not that kind of socket.
std::string local_tcp(int fd);
std::string remote_tcp(int fd);

}  // namespace solo::producers
