// solo token revoke
#include <fmt/format.h>

#include "ops/cli/command.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

class TokenRevoke final : public Command {
 public:
  Page page() override {
    Page page{
        .summary = "end a token, or all of a tenant's",
        .synopsis = {"ACCESSOR [OPTION...]", "--all [OPTION...]"},
        .description =
            "Ends a token and all that descend from it, for good. When this returns, the daemon takes none of them any "
            "more. With the permission revoke one can end what descends from one's own token; with admin any of the "
            "tenant's, if one's own token is for all services, except those that it descends from. Tokens for every "
            "tenant are those of tenant system, and ended by tokens for every tenant.",
        .operands = {{"ACCESSOR", "Its name, acc_...; not the token itself.", &accessor_, false}},
        .options = {{"--all", "",
                     "All tokens that the tenant has now, the one in use among them if it is one of them. Needs "
                     "admin for all services, and a token that descends from none of them.",
                     &all_}},
        .examples = {{"One", "solo token revoke acc_996396845822d20e5ec3 --tenant acme"},
                     {"Every token of a tenant", "solo token revoke --all --tenant acme"}}};
    for (auto& option : request_.for_write()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override {
    if (all_ != accessor_.empty()) {
      return session.fail({schemas::ErrorCode::invalid_argument,
                           all_ ? "--all and an accessor exclude each other" : "which token?",
                           "name one by its accessor, or give --all for every token of the tenant"});
    }
    v1::RequestT request;
    if (auto applied = request_.apply(session, request); !applied) return session.fail(applied.error());
    v1::TokenRevokeT revoke;
    revoke.accessor = accessor_;
    revoke.all = all_;
    request.body.Set(std::move(revoke));
    const std::string what = all_ ? fmt::format("all tokens of tenant {}", request.tenant) : accessor_;
    const std::string again = "ask again with the same words and --id " + request.id;
    session.progress("revoking " + what);
    auto reply = session.call(std::move(request));
    if (!reply) {
      schemas::Error error = reply.error();
      if (error.code == schemas::ErrorCode::deadline_exceeded) error.hint = again;
      return session.fail(error);
    }
    if (!reply->ok) return session.fail(*reply);
    if (session.json()) {
      session.print_json(session.body_json(*reply));
    } else {
      session.print(fmt::format("{}: revoked\n", what));
    }
    return kDone;
  }

 private:
  std::string accessor_;
  bool all_ = false;
  RequestOptions request_;
};

}  // namespace

std::unique_ptr<Command> make_token_revoke() { return std::make_unique<TokenRevoke>(); }

}  // namespace solo::ops
