// What the raw things cost: one fdatasync, one ZeroMQ ipc round trip. Medians, in microseconds.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "producers/file_io.h"
#include "tests/bench/table.h"

namespace solo::bench {

template <class Action>
double p50(std::chrono::duration<double> length, Action action) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  std::vector<double> times;
  for (const auto begin = now(); now() - begin < length;) {
    const auto start = now();
    action();
    times.push_back(std::chrono::duration<double, std::micro>(now() - start).count());
  }
  return median(times);
}

/// Of a record of `bytes` behind the others in a file in `directory`.
inline double fdatasync_p50(const std::filesystem::path& directory, std::size_t bytes,
                            std::chrono::duration<double> length) {
  const producers::FileDescriptor file(
      ::open((directory / "raw").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string record(bytes, 'x');
  return p50(length, [&] {
    if (::write(file.get(), record.data(), record.size()) >= 0 && ::fdatasync(file.get()) == 0) return;
    std::perror("raw");
    std::exit(3);
  });
}

/// Of a message of `bytes`, to a ROUTER that sends it back, in contexts of their own; the socket lies in `directory`.
inline double round_trip_p50(const std::filesystem::path& directory, std::size_t bytes,
                             std::chrono::duration<double> length) {
  zmq::context_t context;
  const std::string endpoint = "ipc://" + (directory / "echo.sock").string();
  zmq::socket_t router(context, zmq::socket_type::router);
  router.bind(endpoint);
  std::thread echo([&] {
    for (bool last = false; !last;) {
      zmq::message_t peer;
      zmq::message_t body;
      (void)router.recv(peer);
      (void)router.recv(body);
      last = body.size() == 0;
      router.send(peer, zmq::send_flags::sndmore);
      router.send(body, zmq::send_flags::none);
    }
  });
  zmq::context_t other;
  zmq::socket_t dealer(other, zmq::socket_type::dealer);
  dealer.connect(endpoint);
  const std::string record(bytes, 'x');
  zmq::message_t answer;
  const double result = p50(length, [&] {
    dealer.send(zmq::buffer(record), zmq::send_flags::none);
    (void)dealer.recv(answer);
  });
  dealer.send(zmq::message_t(), zmq::send_flags::none);
  (void)dealer.recv(answer);
  echo.join();
  return result;
}

}  // namespace solo::bench
