// A small HTTP server: answers every request with who it is. It listens on a port of loopback that the kernel chooses,
// and says which one on stdout and in the file `port` in its directory.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

static std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "nobody" : value;
}

static int listen_somewhere(sockaddr_in& address) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    std::perror("listen");
    std::exit(1);
  }
  return listener;
}

static void answer(int client, const std::string& body) {
  char request[4096];
  if (read(client, request, sizeof request) <= 0) return;
  const std::string reply = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body;
  for (std::size_t sent = 0; sent < reply.size();) {
    const ssize_t written = write(client, reply.data() + sent, reply.size() - sent);
    if (written <= 0) return;
    sent += static_cast<std::size_t>(written);
  }
}

int main() {
  signal(SIGPIPE, SIG_IGN);
  sockaddr_in address{};
  const int listener = listen_somewhere(address);
  const int port = ntohs(address.sin_port);
  std::ofstream("port") << port << '\n';
  std::printf("listening on http://127.0.0.1:%d/\n", port);
  std::fflush(stdout);
  const std::string body = "Hello from " + variable("SOLO_TENANT") + "/" + variable("SOLO_SERVICE") + ", generation " +
                           variable("SOLO_GENERATION") + ", process " + std::to_string(getpid()) + "\n";
  for (;;) {
    const int client = accept(listener, nullptr, nullptr);
    if (client < 0) continue;
    answer(client, body);
    close(client);
  }
}
