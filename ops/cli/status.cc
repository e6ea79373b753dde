// solo status
#include "ops/cli/command.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

class Status final : public Command {
 public:
  Page page() override {
    return {.summary = "show one service",
            .synopsis = {"SERVICE [OPTION...]"},
            .description =
                "States: starting, running, stopping, finished (it ended normally and is not to be restarted), "
                "failed (its start failed, or its restart limits are reached), killed.",
            .operands = {{"SERVICE", "Its name.", &service_, true}},
            .options = request_.for_read(),
            .examples = {{"One service", "solo status web --tenant acme"},
                         {"Its process, for a script", "solo status web --tenant acme --json | jq .pid"}}};
  }

  int run(Session& session) override {
    v1::RequestT request;
    if (auto applied = request_.apply(session, request); !applied) return session.fail(applied.error());
    v1::StatusT status;
    status.service = service_;
    request.body.Set(std::move(status));
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    if (session.json()) {
      session.print_json(session.body_json(*reply));
    } else if (const auto* shown = reply->body.AsServiceStatus()) {
      session.print(status_facts(*shown));
    }
    return kDone;
  }

 private:
  std::string service_;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_status() { return std::make_unique<Status>(); }

}  // namespace solo::ops
