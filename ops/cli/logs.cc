// solo logs
#include "ops/cli/command.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

// What a reply holds: the gateway gives no more.
constexpr std::uint32_t kMost = 512 * 1024;

class Logs final : public Command {
 public:
  Page page() override {
    Page page{.summary = "show what a service printed",
              .synopsis = {"SERVICE [OPTION...]"},
              .description =
                  "Prints the end of what the service wrote to stdout and stderr, over its restarts. Bytes that "
                  "are not UTF-8 are replaced.",
              .operands = {{"SERVICE", "Its name.", &service_, true}},
              .options = {{"--tail", "BYTES", "So much from the end, at most 524288. Default: 65536.", &tail_}},
              .examples = {{"Its last words", "solo logs web --tenant acme --tail 1000"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    if (tail_ && (*tail_ == 0 || *tail_ > kMost)) {
      return session.fail({schemas::ErrorCode::invalid_argument, "--tail is 1 to 524288",
                           "all that is kept of it is in output.log and output.log.1 of its directory, "
                           "STATE/services/TENANT/SERVICE"});
    }
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
      const bool all = tail_ == kMost;
      if (output->truncated) {
        session.note(all ? "there is more before this, in its directory"
                         : "there is more before this; --tail BYTES shows it");
      }
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
