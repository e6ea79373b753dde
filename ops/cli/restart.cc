// solo restart
#include "ops/cli/command.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

class Restart final : public Command {
 public:
  Page page() override {
    Page page{.summary = "stop a service and start it again",
              .synopsis = {"SERVICE [OPTION...]"},
              .description =
                  "Ends the service's process and starts its current generation anew. One that has failed or "
                  "finished is started; one that was killed is not found.",
              .operands = {{"SERVICE", "Its name.", &service_, true}},
              .options = {{"--if-generation", "N", "Only if the service is at generation N.", &if_generation_}},
              .examples = {{"Restart a service", "solo restart web --tenant acme"}}};
    for (auto& option : request_.for_write()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    v1::RequestT request;
    if (auto applied = request_.apply(session, request); !applied) return session.fail(applied.error());
    v1::RestartT restart;
    restart.service = service_;
    restart.if_generation = if_generation_.value_or(0);
    request.body.Set(std::move(restart));
    const std::string name = request.tenant + '/' + service_;
    return send_command(session, std::move(request), "restarting " + name);
  }

 private:
  std::string service_;
  std::optional<std::uint64_t> if_generation_;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_restart() { return std::make_unique<Restart>(); }

}  // namespace solo::ops
