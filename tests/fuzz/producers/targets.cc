#include "tests/fuzz/producers/targets.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "producers/bookmark.h"
#include "producers/curve_keys.h"
#include "producers/gateway_frames.h"
#include "producers/zmtp_connection.h"
#include "schemas/ids.h"
#include "schemas/position.h"
#include "tests/fuzz/producers/zmtp_bytes.h"
#include "tests/support/curve_client.h"

namespace solo::test {
namespace {

using producers::ZmtpConnection;

constexpr std::size_t kMaxMessage = 4'096;
constexpr std::size_t kBudget = 8'192;
constexpr std::size_t kGreeting = 64;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

/// A connection with little room, and what must hold of it whatever it is fed.
class Server {
 public:
  explicit Server(const producers::CurveKeyPair* curve) {
    options_.max_message = kMaxMessage;
    options_.max_wire = 4 * kMaxMessage;
    options_.curve = curve;
    connection_ = std::make_unique<ZmtpConnection>(options_, budget_, entropy_);
  }
  ~Server() {
    expect(connection_->state() != ZmtpConnection::State::broken || !connection_->why().empty(),
           "it says why it broke");
    connection_.reset();
    expect(budget_.held == 0, "nothing is held when it is gone");
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ZmtpConnection& operator*() { return *connection_; }

  void feed(std::string_view bytes) {
    while (!bytes.empty()) {
      // In pieces of several sizes.
      std::string_view piece = bytes.substr(0, 1 + static_cast<unsigned char>(bytes.front()) % 97);
      bytes.remove_prefix(piece.size());
      while (!piece.empty()) {
        connection_->feed(piece);
        expect(budget_.held <= kBudget, "no more is held than the budget allows");
        while (connection_->has_message()) answer(connection_->next());
      }
    }
  }

 private:
  void answer(const producers::ZmtpMessage& message) {
    expect(message.frames.size() <= options_.max_frames, "a few frames are kept");
    expect(message.frames.size() <= message.count, "what is kept was there");
    if (connection_->state() == ZmtpConnection::State::open) connection_->send(std::vector<std::string_view>{"answer"});
  }

  producers::SystemEntropy entropy_;
  ZmtpConnection::Options options_;
  ZmtpConnection::Budget budget_{.limit = kBudget};
  std::unique_ptr<ZmtpConnection> connection_;
};

void serve(const producers::CurveKeyPair* curve, std::string_view bytes) { Server(curve).feed(bytes); }

const producers::CurveKeyPair& server_keys() {
  static const producers::CurveKeyPair keys = [] {
    producers::SystemEntropy entropy;
    return producers::make_curve_keys(entropy);
  }();
  return keys;
}

/// A client that has been welcomed.
testing::CurveClient greet(Server& server) {
  producers::SystemEntropy entropy;
  testing::CurveClient client(server_keys().public_key, producers::make_curve_keys(entropy));
  server.feed(testing::CurveClient::greeting() + client.hello());
  std::string& output = (*server).output();
  expect(client.welcome(std::string_view(output).substr(kGreeting + 2)), "a good HELLO is welcomed");
  output.clear();
  return client;
}

}  // namespace

void fuzz_zmtp(std::string_view bytes) { serve(nullptr, bytes); }

void fuzz_zmtp_open(std::string_view bytes) {
  serve(nullptr, zmtp_greeting("NULL") + zmtp_ready() + std::string(bytes));
}

void fuzz_zmtp_curve(std::string_view bytes) {
  serve(&server_keys(), bytes);
  serve(&server_keys(), zmtp_greeting("CURVE") + std::string(bytes));
}

void fuzz_curve_hello(std::string_view bytes) {
  producers::SystemEntropy entropy;
  expect(!producers::CurveServer(server_keys(), entropy).hello(bytes), "nobody makes a HELLO by chance");
}

void fuzz_curve_initiate(std::string_view bytes) {
  Server server(&server_keys());
  testing::CurveClient client = greet(server);
  if (bytes.starts_with('\10')) {
    server.feed(testing::CurveClient::framed(4, bytes));
    expect((*server).state() != ZmtpConnection::State::open, "nobody makes an INITIATE by chance");
    return;
  }
  server.feed(client.initiate(bytes.empty() ? std::string_view("\0", 1) : bytes));
  expect((*server).state() != ZmtpConnection::State::handshake || bytes.size() > kMaxMessage,
         "it ends the handshake one way or the other");
}

void fuzz_curve_message(std::string_view bytes) {
  if (bytes.empty()) return;
  Server server(&server_keys());
  testing::CurveClient client = greet(server);
  server.feed(client.initiate());
  expect((*server).state() == ZmtpConnection::State::open, "a good INITIATE opens it");
  if ((bytes.front() & 4) != 0) return server.feed(bytes.substr(1));
  server.feed(client.message(bytes.substr(1), bytes.front()));
  server.feed(client.message("end"));
}

void fuzz_request_frames(std::string_view bytes) {
  std::vector<std::string_view> frames;
  for (;;) {
    const std::size_t end = bytes.find('\0');
    frames.push_back(bytes.substr(0, end));
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
  }
  const auto read = producers::read_frames(frames, frames.size(), kMaxMessage);
  expect(read.body.has_value() || !read.body.error().hint.empty(), "a refusal says what to do");
}

void fuzz_request_id(std::string_view text) {
  const std::string id = producers::id_in(text);
  expect(id.empty() || schemas::CommandIdKind::check(id).has_value(), "what is found is an id");
}

void fuzz_place(std::string_view text) {
  if (const auto position = schemas::parse_position(text)) {
    expect(position->partition >= 0 && position->offset >= 0, "a position is one");
    expect(schemas::parse_position(to_string(*position)) == position, "a position is read back");
  }
  if (const auto cut = schemas::parse_cut(text)) {
    expect(schemas::parse_cut(to_string(*cut)) == cut, "a cut is read back");
  }
  constexpr std::int32_t kPartitions = 8;
  const auto mark = producers::parse_bookmark(std::string(text), kPartitions);
  if (!mark) return;
  expect(mark->partition >= 0 && mark->partition < kPartitions, "a bookmark is of a partition there is");
  const auto again = producers::parse_bookmark(to_string(*mark), kPartitions);
  expect(again && again->partition == mark->partition && again->from == mark->from, "a bookmark is read back");
}

void fuzz_curve_key(std::string_view text) {
  const auto key = producers::parse_z85(text);
  if (key) expect(producers::parse_z85(producers::to_z85(*key)) == key, "a key is read back");
}

}  // namespace solo::test
