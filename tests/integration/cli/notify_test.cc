// systemd is told when services are back, and when the daemon stops.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/integration/cli/cli_fixture.h"

namespace solo::testing {
namespace {

/// What systemd's end of NOTIFY_SOCKET receives.
class NotifySocket {
 public:
  explicit NotifySocket(const std::filesystem::path& path) : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  ~NotifySocket() { close(socket_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  /// Receives until a message begins so; false after that time without one.
  bool hears(const std::string& beginning, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    pollfd ready{socket_, POLLIN, 0};
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) != 1) return false;
      char buffer[1024];
      const ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
      if (size > 0 && std::string(buffer, static_cast<std::size_t>(size)).rfind(beginning, 0) == 0) return true;
    }
  }
  /// Forgets what has come so far.
  void forget() {
    char buffer[1024];
    while (recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  }

 private:
  int socket_;
};

TEST(Notify, ReadyComesWhenServicesAreBackAndStoppingAtTheStop) {
  TempDir directory;
  NotifySocket notify(directory.path() / "notify");
  const auto state = directory.path() / "state";
  Child daemon({SOLOD_PATH, "--state-dir", state}, directory.path() / "out", directory.path() / "err",
               {"NOTIFY_SOCKET=" + (directory.path() / "notify").string()});
  EXPECT_TRUE(notify.hears("STATUS=opening the log\nEXTEND_TIMEOUT_USEC="));
  EXPECT_TRUE(notify.hears("STATUS=recovering"));
  EXPECT_TRUE(notify.hears("READY=1\nSTATUS=ready"));
  daemon.signal(SIGTERM);
  EXPECT_TRUE(notify.hears("STOPPING=1"));
  EXPECT_EQ(daemon.wait(std::chrono::seconds(20)), 0);
}

TEST(Notify, MoreTimeIsAskedForWhileServicesComeBack) {
  TempDir directory;
  NotifySocket notify(directory.path() / "notify");
  const auto state = directory.path() / "state";
  const auto solo = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {SOLO_PATH, "--state-dir", state, "--tenant", "acme"});
    return run(std::move(arguments));
  };
  const auto launch = [&] {
    return std::make_unique<Child>(
        std::vector<std::string>{SOLOD_PATH, "--state-dir", state}, directory.path() / "out", directory.path() / "err",
        std::vector<std::string>{"NOTIFY_SOCKET=" + (directory.path() / "notify").string(), "WATCHDOG_USEC=1000000"});
  };
  auto daemon = launch();
  ASSERT_TRUE(notify.hears("READY=1"));
  ASSERT_EQ(solo({"deploy", "held", "--exec", "--", "/bin/sleep", "1000000"}).code, 0);
  daemon->signal(SIGTERM);
  ASSERT_EQ(daemon->wait(std::chrono::seconds(20)), 0);
  // A FIFO without a reader holds it before its exec.
  const auto output = state / "services" / "acme" / "held" / "output.log";
  std::filesystem::remove(output);
  ASSERT_EQ(mkfifo(output.c_str(), 0600), 0);
  notify.forget();
  daemon = launch();
  EXPECT_TRUE(
      notify.hears("STATUS=recovering, 0 processes: 1 services are not back yet (acme/held)\nEXTEND_TIMEOUT_USEC="));
  EXPECT_TRUE(notify.hears("READY=1")) << "its start-up timeout ends it";
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(std::chrono::seconds(20)), 0);
}

TEST(Notify, WatchdogIsToldWhileTheDaemonAnswersAndNotWhenItHangs) {
  TempDir directory;
  NotifySocket notify(directory.path() / "notify");
  Child daemon({SOLOD_PATH, "--state-dir", directory.path() / "state"}, directory.path() / "out",
               directory.path() / "err",
               {"NOTIFY_SOCKET=" + (directory.path() / "notify").string(), "WATCHDOG_USEC=1000000"});
  ASSERT_TRUE(notify.hears("READY=1"));
  for (int beat = 0; beat < 3; ++beat) EXPECT_TRUE(notify.hears("WATCHDOG=1"));
  daemon.freeze();
  notify.forget();
  EXPECT_FALSE(notify.hears("WATCHDOG=1", std::chrono::milliseconds(700)));
  daemon.thaw();
  EXPECT_TRUE(notify.hears("WATCHDOG=1"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(std::chrono::seconds(20)), 0);
}

}  // namespace
}  // namespace solo::testing
