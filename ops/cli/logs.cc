// solo logs
#include "ops/cli/command.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

class Logs final : public Command {
 public:
  Page page() override {
    Page page{.summary = "show what a service printed",
              .synopsis = {"SERVICE [OPTION...]"},
              .description =
                  "Prints the end of what the service wrote to stdout and stderr, over its restarts. Bytes that "
                  "are not UTF-8 are replaced.",
              .operands = {{"SERVICE", "Its name.", &service_, true}},
              .options = {{"--tail", "BYTES", "At most so much, from the end. Default: 65536.", &tail_}},
              .examples = {{"Its last words", "solo logs web --tenant acme --tail 1000"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    v1::RequestT request;
    if (auto applied = request_.apply(session, request); !applied) return session.fail(applied.error());
    v1::LogsT logs;
    logs.service = service_;
    logs.tail = tail_.value_or(0);
    request.body.Set(std::move(logs));
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    if (session.json()) {
      session.print_json(session.body_json(*reply));
      return kDone;
    }
    if (const auto* output = reply->body.AsServiceOutput()) {
      session.print(output->text);
      if (output->truncated) session.note("there is more before this; --tail BYTES shows it");
    }
    return kDone;
  }

 private:
  std::string service_;
  std::optional<std::uint32_t> tail_;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_logs() { return std::make_unique<Logs>(); }

}  // namespace solo::ops
