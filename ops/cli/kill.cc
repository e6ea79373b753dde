// solo kill
#include <algorithm>

#include "ops/cli/command.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

class Kill final : public Command {
 public:
  Page page() override {
    Page page{.summary = "stop a service for good",
              .synopsis = {"SERVICE [OPTION...]"},
              .description =
                  "Writes into the log that the service is not wanted any more, and by default waits until its "
                  "process is gone: SIGTERM, and SIGKILL when that was not enough. It stays dead over restarts; "
                  "its name is free at once.",
              .operands = {{"SERVICE", "Its name.", &service_, true}},
              .options = {{"--grace", "DURATION", "From SIGTERM to SIGKILL. Default: its --shutdown-timeout.", &grace_},
                          {"--force", "", "SIGKILL at once; also of one that is being stopped.", &force_},
                          {"--if-generation", "N", "Only if the service is at generation N.", &if_generation_}},
              .examples = {{"Stop a service", "solo kill web --tenant acme"},
                           {"At once", "solo kill web --tenant acme --force"}}};
    for (auto& option : request_.for_write()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    v1::RequestT request;
    v1::KillT kill;
    kill.service = service_;
    kill.force = force_;
    kill.if_generation = if_generation_.value_or(0);
    if (grace_) {
      auto grace = parse_duration("--grace", *grace_);
      if (!grace) return session.fail(grace.error());
      kill.grace_ms = std::max(*grace, 1U);
    }
    if (auto applied = request_.apply(session, request); !applied) return session.fail(applied.error());
    request.body.Set(std::move(kill));
    const std::string name = request.tenant + '/' + service_;
    return send_command(session, std::move(request), "stopping " + name);
  }

 private:
  std::string service_;
  std::optional<std::string> grace_;
  bool force_ = false;
  std::optional<std::uint64_t> if_generation_;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_kill() { return std::make_unique<Kill>(); }

}  // namespace solo::ops
