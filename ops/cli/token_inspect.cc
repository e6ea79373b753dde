// solo token inspect
#include "ops/cli/command.h"
#include "ops/cli/service_request.h"
#include "ops/cli/token_text.h"

namespace solo::ops {
namespace {

class TokenInspect final : public Command {
 public:
  Page page() override {
    Page page{.summary = "show one token",
              .synopsis = {"ACCESSOR [OPTION...]"},
              .description =
                  "Shows how a token stands now and what it may do, all it descends from taken into account. Needs the "
                  "permission grant or revoke.",
              .operands = {{"ACCESSOR", "Its name, acc_...; not the token itself.", &accessor_, true}},
              .options = {{"--all-tenants", "", "Whoever's it is.", &all_tenants_}},
              .examples = {{"What may it do?", "solo token inspect acc_996396845822d20e5ec3 --tenant acme"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    v1::RequestT request;
    if (auto applied = request_.apply(session, request); !applied && !all_tenants_)
      return session.fail(applied.error());
    if (all_tenants_) request.tenant = "*";
    v1::TokenInspectT inspect;
    inspect.accessor = accessor_;
    request.body.Set(std::move(inspect));
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    if (session.json()) {
      session.print_json(session.body_json(*reply));
    } else if (const auto* token = reply->body.AsTokenInfo()) {
      session.print(token_facts(*token));
    }
    return kDone;
  }

 private:
  std::string accessor_;
  bool all_tenants_ = false;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_token_inspect() { return std::make_unique<TokenInspect>(); }

}  // namespace solo::ops
