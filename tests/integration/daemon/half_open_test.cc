// Ten thousand tcp connections that never finish their handshake: they cost a bounded amount, and others are served.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <sstream>
#include <vector>

#include "producers/curve_keys.h"
#include "producers/file_io.h"
#include "producers/tcp_endpoint.h"
#include "tests/support/curve_client.h"
#include "tests/support/daemon.h"

namespace solo::testing {
namespace {

constexpr std::size_t kStrangers = 10'000;
/// What a stranger may make the daemon hold: a connection's own memory, for as many as may be half open at once.
constexpr long kMoreKilobytes = 32 * 1024;

long resident_kilobytes(pid_t pid) {
  std::istringstream lines(read_file("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stol(line.substr(6));
  }
  return 0;
}

/// Connections at this port that the daemon has taken; those in the kernel's queue have no inode.
std::size_t taken_at(std::uint16_t port) {
  const std::string local = fmt::format(":{:04X}", port);
  std::istringstream table(read_file("/proc/net/tcp"));
  std::size_t count = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    if (fields.size() > 9 && fields[1].ends_with(local) && fields[3] != "0A" && fields[9] != "0") ++count;
  }
  return count;
}

/// Connects without waiting for the kernel's queue to have room.
producers::FileDescriptor knock(const producers::TcpEndpoint& where) {
  producers::FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(where.port);
  ::inet_pton(AF_INET, where.host.c_str(), &address.sin_addr);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS) {
    ADD_FAILURE() << "connect: " << std::strerror(errno);
  }
  return socket;
}

TEST(HalfOpen, TenThousandConnectionsThatNeverShakeHandsAreBoundedAndOthersAreServed) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GT(limit.rlim_max, kStrangers + 100) << "raise the hard limit of open files (ulimit -Hn) for this test";

  producers::SystemEntropy entropy;
  const auto own = producers::make_curve_keys(entropy);
  Daemon daemon({"--gateway-listen", "tcp://127.0.0.1:0", "--gateway-client-keys", producers::to_z85(own.public_key)});
  ASSERT_TRUE(daemon.start()) << daemon.log();
  const auto server = producers::read_curve_keys(daemon.state() / "server.key");
  ASSERT_TRUE(server);
  std::istringstream endpoints(read_file(daemon.state() / "endpoints"));
  std::string tcp;
  while (std::getline(endpoints, tcp) && !producers::is_tcp(tcp)) {
  }
  const auto where = producers::parse_tcp(tcp);
  ASSERT_TRUE(where) << tcp;
  const producers::ClientOptions remote{.endpoint = tcp,
                                        .reach_timeout = std::chrono::seconds(60),
                                        .curve = producers::ClientCurve{server->public_key, own}};
  const auto healthy = [](producers::CommandClient& client) {
    v1::RequestT request;
    request.body.Set(v1::HealthT{});
    return client.call(std::move(request)).has_value();
  };
  auto before = producers::CommandClient::connect(remote);
  ASSERT_TRUE(before) << before.error().message;
  const pid_t pid = daemon.child().pid();
  const long kilobytes = resident_kilobytes(pid);
  const std::size_t taken = taken_at(where->port);
  ASSERT_EQ(taken, 1U);

  std::deque<producers::FileDescriptor> strangers;
  long most_kilobytes = 0;
  std::size_t most_taken = 0;
  CurveClient half(server->public_key, own);
  const std::string hello = CurveClient::greeting() + half.hello();
  for (std::size_t i = 0; i < kStrangers; ++i) {
    strangers.push_back(knock(*where));
    // Those that are in say half of what they should: every other one a piece of the greeting, or all up to HELLO.
    if (i >= 64) {
      const auto& earlier = strangers[i - 64];
      (void)!::send(earlier.get(), hello.data(), i % 2 == 0 ? 20 : hello.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (i % 500 != 499) continue;
    most_kilobytes = std::max(most_kilobytes, resident_kilobytes(pid));
    most_taken = std::max(most_taken, taken_at(where->port));
    ASSERT_TRUE(healthy(**before)) << "one who is in is served";
    ASSERT_TRUE(healthy(*daemon.client())) << "and one who comes by the Unix socket";
  }
  const auto during = producers::CommandClient::connect(remote);
  EXPECT_TRUE(during) << "one who comes among them by tcp is served, too: " << during.error().message;
  most_kilobytes = std::max(most_kilobytes, resident_kilobytes(pid));
  std::printf("%zu strangers: at most %ld KiB more and %zu connections at once\n", kStrangers,
              most_kilobytes - kilobytes, most_taken);
  EXPECT_LT(most_kilobytes - kilobytes, kMoreKilobytes);
  // The kernel's table is no snapshot: while it is walked some go and others come.
  EXPECT_LE(most_taken, 1'024U + 128U);
  // Each has its end, though nobody closes anything here.
  EXPECT_TRUE(eventually([&] { return taken_at(where->port) <= 2; }, std::chrono::seconds(60)));
  EXPECT_NE(daemon.log().find("has not shaken hands"), std::string::npos) << "the log tells of it";
}

}  // namespace
}  // namespace solo::testing
