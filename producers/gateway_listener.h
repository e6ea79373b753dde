// Where clients connect: a listening Unix socket under a directory of this user's own, or a tcp port.
//
// Belongs to one thread once it is open.
#pragma once

#include <sys/types.h>

#include <string>

#include "producers/file_io.h"
#include "schemas/result.h"

namespace solo::producers {

class GatewayListener {
 public:
  /// `ipc://PATH` or `tcp://ADDRESS:PORT`. Errors as gateway.h names them for start(). Removes the socket of a dead
  /// daemon.
  static schemas::Result<GatewayListener> open(const std::string& endpoint);
  /// What open() asks of a Unix socket's directory: failed_precondition, it is open to others; unavailable.
  static schemas::Result<void> check(const std::string& endpoint);
  /// withdraw().
  ~GatewayListener();
  GatewayListener(GatewayListener&&) noexcept = default;
  GatewayListener& operator=(GatewayListener&&) = delete;

  int fd() const { return socket_.get(); }
  bool is_tcp() const { return path_.empty(); }
  /// With the port that the kernel gave.
  const std::string& endpoint() const { return endpoint_; }
  /// The next connection, non-blocking; empty: errno tells why.
  FileDescriptor accept();
  /// A Unix socket's path is taken away, if it is still its own: nobody finds it from here on.
  void withdraw();

 private:
  GatewayListener(FileDescriptor socket, std::string endpoint, std::string path);

  FileDescriptor socket_;
  std::string endpoint_;
  /// Empty: tcp.
  std::string path_;
  bool withdrawn_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace solo::producers
