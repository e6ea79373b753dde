// Deploys a service without asking a daemon: publishes ServiceDeployed to the log, which is a topic of Kafka.
//
// usage: publish_deploy HOST:PORT CLUSTER TENANT SERVICE PROGRAM [ARGUMENT...]
//
// Exit status: 0 it is in the log (its position is printed), 1 refused, 2 usage, 3 no broker or log, or nobody knows.
#include <solo/publisher.h>

#include <cstdio>
#include <string>

namespace {

using solo::publisher::Error;
using solo::publisher::Outcome;

void say(const char* what, const Error& error) {
  std::fprintf(stderr, "%s: %s: %s\n", what, std::string(to_string(error.code)).c_str(), error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "hint: %s\n", error.hint.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: %s HOST:PORT CLUSTER TENANT SERVICE PROGRAM [ARGUMENT...]\n", argv[0]);
    return 2;
  }
  solo::publisher::Options options;
  options.bootstrap = argv[1];
  options.cluster = argv[2];
  Error why_not;
  const auto publisher = solo::publisher::Publisher::open(options, why_not);
  if (publisher == nullptr) {
    say("no log", why_not);
    return 3;
  }

  solo::publisher::Event event;
  event.id = solo::publisher::new_id();
  event.source = "https://example.org/publish_deploy";
  event.tenant = argv[3];
  event.service = argv[4];
  solo::publisher::Deploy deploy;
  deploy.spec.argv.assign(argv + 5, argv + argc);
  event.order = deploy;

  auto ended = publisher->publish(event);
  // The same event again: it has the same id, so if the first one is there the second changes nothing.
  for (int attempt = 1; attempt < 5 && ended.outcome == Outcome::unknown; ++attempt) ended = publisher->publish(event);

  switch (ended.outcome) {
    case Outcome::durable:
      std::printf("%s\n", to_string(ended.position).c_str());
      return 0;
    case Outcome::refused:
      say("refused", ended.error);
      return 1;
    case Outcome::unknown:
      say("unknown", ended.error);
      return 3;
  }
  return 3;
}
