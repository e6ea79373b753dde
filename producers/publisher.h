// Publishing to a Solo log from another program: describe an order, publish it, learn its position or its error.
//
// The log is the topic CLUSTER.events of Apache Kafka. Nobody asks for a token there: who may write to the topic may do
// anything, and Kafka's ACLs are the authority (WRITE to publish, READ and DESCRIBE to see that the topic is a log).
//
// Promises. What open() finds is a Solo log, or nothing is ever published. An event is checked before it is sent, by
// the rules that every reader of the log goes by; what breaks one is refused and never written. Each publish() ends
// exactly once: durable at its position (every in-sync replica has it), refused (nothing was written), or unknown (it
// may be in the log or not; a broker did not answer in time). Nothing is repeated on a caller's behalf. Publish what is
// unknown again with the same source and id: of two equal ones the second changes nothing. Events of one tenant that
// one thread publishes keep their order. If the topic is deleted, made anew or loses records, everything is refused.
//
// Durable is not yet done. Whether an order takes effect (the name may be taken) is settled at its position, the same
// way by every daemon. What came of it is told by the records that follow in the log, by `solo status`, and, when it
// was turned down, by `solo view dead-letters`.
//
// Threads: every function may be called from any thread. `done` is called on a thread of the library and must not
// block: it may publish with another `done`, but not wait (publish(event), flush, close). librdkafka, which this is
// built on, does not survive a fork.
//
// This header needs the standard library alone, and the library shows no symbol of what it is built from.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#define SOLO_PUBLISHER_API __attribute__((visibility("default")))

namespace solo::publisher {

/// The canonical gRPC codes.
enum class ErrorCode : std::uint8_t {
  ok = 0,
  invalid_argument,
  unauthenticated,
  permission_denied,
  not_found,
  already_exists,
  failed_precondition,
  deadline_exceeded,
  resource_exhausted,
  unavailable,
  unimplemented,
  internal,
  data_loss,
};

/// `invalid_argument` and so on.
SOLO_PUBLISHER_API std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::ok;
  /// What is wrong, in one sentence.
  std::string message = {};
  /// What to do about it; may be empty.
  std::string hint = {};
  /// The same call may succeed later without change.
  bool retryable = false;
};

enum class Format : std::uint8_t { exec = 1, script, cxx };
enum class RestartPolicy : std::uint8_t { permanent = 0, transient, temporary };

/// 0: Solo's default.
struct RestartLimits {
  std::uint32_t max_restarts = 0;
  std::uint32_t max_seconds = 0;
  std::uint32_t startup_timeout_ms = 0;
  std::uint32_t shutdown_timeout_ms = 0;
};

struct Spec {
  Format format = Format::exec;
  /// exec: the program (an absolute path, or a name in the PATH) and its arguments. script, cxx: further arguments.
  std::vector<std::string> argv = {};
  /// script: the text with its shebang. cxx: one C++ source file.
  std::string code = {};
  /// Names and values.
  std::vector<std::pair<std::string, std::string>> env = {};
  RestartPolicy restart = RestartPolicy::permanent;
  RestartLimits limits = {};
};

/// ServiceDeployed.
struct Deploy {
  Spec spec = {};
  /// Put in the place of the one that runs.
  bool replace = false;
  /// Only if this is the service's generation; 0: whatever it is.
  std::uint64_t if_generation = 0;
};

/// ServiceKilled.
struct Kill {
  std::uint64_t if_generation = 0;
  /// From SIGTERM to SIGKILL; 0: the service's own.
  std::uint32_t grace_ms = 0;
  /// SIGKILL at once.
  bool force = false;
};

/// ServiceRestartRequested.
struct Restart {
  std::uint64_t if_generation = 0;
};

struct Event {
  /// Unique within the source: the idempotency key. See new_id().
  std::string id = {};
  /// Who publishes, a URI reference of your own. `/commands/...` and `/nodes/...` are Solo's.
  std::string source = {};
  std::string tenant = {};
  std::string service = {};
  std::variant<Deploy, Kill, Restart> order = {};
  /// Ids of other events or requests, for people who read the log; may be empty.
  std::string causation = {};
  std::string correlation = {};
  /// Microseconds since 1970 UTC; 0: now. For people who read the log: it orders nothing.
  std::int64_t time_us = 0;
};

struct Position {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
};

/// `PARTITION:OFFSET`, as Solo writes and reads it everywhere.
SOLO_PUBLISHER_API std::string to_string(Position position);

enum class Outcome : std::uint8_t { durable, refused, unknown };

struct Published {
  Outcome outcome = Outcome::refused;
  /// durable: where it is.
  Position position = {};
  /// refused, unknown: why.
  Error error = {};
};

/// A random id.
SOLO_PUBLISHER_API std::string new_id();

/// Would publish() send it? `ok`, or invalid_argument or permission_denied (tenant `system`) with the broken rule.
SOLO_PUBLISHER_API Error check(const Event& event);

/// Where warnings of every publisher of this process go, a line each without its end, on any thread. Until it is
/// called: stderr.
SOLO_PUBLISHER_API void log_to(std::function<void(std::string_view line)> listener);

struct Options {
  /// HOST:PORT[,HOST:PORT...].
  std::string bootstrap = {};
  /// The log is the topic CLUSTER.events.
  std::string cluster = "solo";
  /// librdkafka's settings by their own names: security.protocol, sasl.username, ... Those that the promises rest on
  /// (acks, idempotence, ...) are refused.
  std::map<std::string, std::string> properties = {};
  /// What the broker has not taken by then ends refused, or unknown if it may have been taken.
  std::chrono::milliseconds delivery_timeout{5'000};
  /// How long open() waits for a broker.
  std::chrono::milliseconds open_timeout{30'000};
};

class SOLO_PUBLISHER_API Publisher {
 public:
  using Done = std::function<void(const Published&)>;

  /// Looks at the topic before anything can be published. nullptr, and `why_not` says: unavailable (no broker in time),
  /// unauthenticated (none lets this user in), failed_precondition (no such topic, an unfinished one, or not a Solo
  /// log), permission_denied (nor was the right given in time), invalid_argument.
  static std::unique_ptr<Publisher> open(const Options& options, Error& why_not);
  /// close() with no time to wait.
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// From the log's first record.
  const std::string& log_uuid() const;
  std::int32_t partitions() const;

  /// What breaks a rule is refused on the caller's thread, before this returns. At most 20,000 events or 64 MiB may be
  /// outstanding: more are refused (resource_exhausted, retryable).
  void publish(const Event& event, Done done);
  /// Waits until it has ended: not much longer than the delivery timeout.
  Published publish(const Event& event);

  /// Waits until everything published before has ended. false: it has not within the timeout, and goes on.
  bool flush(std::chrono::milliseconds timeout);

  /// flush(timeout); what has not ended by then ends refused or unknown within a few seconds, and what is published
  /// later is refused. Whether the flush was in time.
  bool close(std::chrono::milliseconds timeout);

 private:
  struct Impl;
  explicit Publisher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::publisher
