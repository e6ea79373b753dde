// Where clients connect: a listening Unix socket under a directory of this user's own.
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
  /// Errors as gateway.h names them for start(). Removes the socket of a dead daemon.
  static schemas::Result<GatewayListener> open(const std::string& endpoint);
  /// withdraw().
  ~GatewayListener();
  GatewayListener(GatewayListener&&) noexcept = default;
  GatewayListener& operator=(GatewayListener&&) = delete;

  int fd() const { return socket_.get(); }
  /// The next connection, non-blocking; empty: errno tells why.
  FileDescriptor accept();
  /// Takes its path away, if it is still its own: nobody finds it from here on.
  void withdraw();

 private:
  GatewayListener(FileDescriptor socket, std::string path);

  FileDescriptor socket_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace solo::producers
