#include "tests/support/kafka_broker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

namespace solo::testing {
namespace {

constexpr const char* kScript = SOLO_KAFKA_BROKER_SCRIPT;

std::map<std::string, std::string> read_properties(const std::filesystem::path& path) {
  std::map<std::string, std::string> properties;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals != std::string::npos) properties[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return properties;
}

[[noreturn]] void give_up(const std::string& what, const std::string& output) {
  constexpr std::size_t kLastWords = 4000;
  const std::string tail = output.size() > kLastWords ? output.substr(output.size() - kLastWords) : output;
  std::fprintf(stderr, "%s\n%s\n", what.c_str(), tail.c_str());
  std::abort();
}

}  // namespace

// Waits for this program's end on a FIFO that only this program holds open for writing: an end without a word is its
// death, and then it kills the broker and removes everything. It is out of reach of whoever kills the test with its
// children. The second round makes up for one that came while a directory was being made.
class KafkaBroker::Janitor {
 public:
  explicit Janitor(const std::filesystem::path& temporary) {
    const auto fifo = temporary / "alive";
    if (mkfifo(fifo.c_str(), 0600) != 0) std::abort();
    const std::string script =
        "(test -n \"$(cat \"$0/alive\")\" || for round in 1 2; do"
        " \"$1\" stop --now --dir \"$0/kafka\"; rm -rf \"$0\"; sleep 2; done) >/dev/null 2>&1";
    const auto started = run({"/usr/bin/setsid", "--fork", "/bin/sh", "-c", script, temporary.string(), kScript});
    if (started.code != 0) std::abort();
    // Succeeds once the janitor reads; children do not inherit it.
    if (!eventually([&] { return (end_ = open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0; })) std::abort();
  }
  ~Janitor() {
    if (write(end_, "done", 4) != 4) std::fprintf(stderr, "the Kafka broker's janitor is gone\n");
    close(end_);
  }
  Janitor(const Janitor&) = delete;
  Janitor& operator=(const Janitor&) = delete;

 private:
  int end_ = -1;
};

KafkaBroker::KafkaBroker(Options options)
    : options_(std::move(options)), janitor_(std::make_unique<Janitor>(temporary_.path())) {
  start();
}

KafkaBroker::~KafkaBroker() = default;

KafkaBroker& KafkaBroker::shared() {
  static KafkaBroker broker;
  return broker;
}

std::map<std::string, std::string> KafkaBroker::client_properties() const {
  auto properties = read_properties(directory() / "client.properties");
  properties["bootstrap.servers"] = bootstrap_;
  return properties;
}

void KafkaBroker::launch() {
  std::vector<std::string> argv{"/usr/bin/setpriv",  "--pdeathsig", "KILL", kScript, "run", "--dir",
                                directory().string()};
  if (!options_.version.empty()) argv.insert(argv.end(), {"--version", options_.version});
  if (options_.sasl_ssl) argv.emplace_back("--sasl-ssl");
  for (const auto& setting : options_.settings) argv.insert(argv.end(), {"--set", setting});
  child_.reset();
  child_ = std::make_unique<Child>(std::move(argv), temporary_.path() / "out", temporary_.path() / "err");
}

bool KafkaBroker::wait_until_it_answers(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    if (child_->wait(std::chrono::milliseconds(50))) return false;
    const auto status = run({kScript, "status", "--dir", directory().string()});
    if (status.code != 0) continue;
    bootstrap_ = status.out.substr(0, status.out.find('\n'));
    return true;
  }
  return false;
}

void KafkaBroker::start() {
  launch();
  if (!wait_until_it_answers()) give_up("the Kafka broker did not come up", output());
}

void KafkaBroker::kill9() { child_->kill9(); }

void KafkaBroker::stop() {
  child_->signal(SIGTERM);
  if (!child_->wait(std::chrono::seconds(90))) give_up("the Kafka broker did not stop in order", output());
}

void KafkaBroker::freeze() { child_->freeze(); }
void KafkaBroker::thaw() { child_->thaw(); }

}  // namespace solo::testing
