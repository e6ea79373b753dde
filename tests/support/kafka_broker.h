// A real Kafka broker of a test's own (ops/kafka/broker), to be killed, frozen and started again. It and its data are
// gone when this is, and also when the test program dies first.
//
// A start takes 5 to 7 s: tests that only need a broker share one (shared()), each with topics of its own, in a program
// that is one ctest entry (solo_test's ONE_ENTRY). Threads: make it in the main thread; the broker dies with the thread
// that launched it.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace solo::testing {

class KafkaBroker {
 public:
  struct Options {
    /// 3.9.1 or 4.1.0; SOLO_KAFKA_VERSION, else the first, unless given.
    std::string version;
    bool sasl_ssl = false;
    /// Broker settings, KEY=VALUE.
    std::vector<std::string> settings;
  };

  /// Started and answering; aborts the test program otherwise, with the broker's last words.
  KafkaBroker() : KafkaBroker(Options()) {}
  explicit KafkaBroker(Options options);
  ~KafkaBroker();

  /// One for the whole program, started at the first call.
  static KafkaBroker& shared();

  /// 127.0.0.1:PORT, the same over restarts.
  const std::string& bootstrap() const { return bootstrap_; }
  /// librdkafka's settings for a client: bootstrap.servers, and what sasl_ssl needs.
  std::map<std::string, std::string> client_properties() const;
  /// Where the topics' partitions are, to be saved, cut and put back while it is down.
  std::filesystem::path data() const { return directory() / "data"; }

  void kill9();
  /// In order.
  void stop();
  /// SIGSTOP: connections stay; from when it returns nothing is answered.
  void freeze();
  void thaw();
  /// Starts it again on its data and port, without waiting.
  void launch();
  /// false: it does not answer within the timeout; output() tells why.
  bool wait_until_it_answers(std::chrono::milliseconds timeout = std::chrono::seconds(120));
  /// launch() and wait; aborts the test program if it does not come up.
  void start();

  std::string output() const { return read_file(temporary_.path() / "err"); }

 private:
  class Janitor;

  std::filesystem::path directory() const { return temporary_.path() / "kafka"; }

  TempDir temporary_;
  Options options_;
  std::string bootstrap_;
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<Child> child_;
};

}  // namespace solo::testing
