// solo token list
#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/output.h"
#include "ops/cli/service_request.h"
#include "ops/cli/token_text.h"

namespace solo::ops {
namespace {

class TokenList final : public Command {
 public:
  Page page() override {
    Page page{
        .summary = "list tokens, each under the one it was made from",
        .synopsis = {"[OPTION...]"},
        .description =
            "Lists a tenant's tokens as they stand now: live, expired, revoked, fallen (one that it descends from "
            "has ended), replaced (a former root token). Permissions, services and expiry are what the token has in "
            "common with those it descends from. Expired ones are forgotten a day later. Needs the permission grant "
            "or revoke; a token for some services sees what descends from it, and only one for every tenant sees "
            "others such.",
        .options = {{"--all-tenants", "", "The tokens of every tenant.", &all_tenants_}},
        .examples = {{"A tenant's tokens", "solo token list --tenant acme"},
                     {"All there are", "solo token list --all-tenants"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override;

 private:
  bool all_tenants_ = false;
  RequestOptions request_;
};

int TokenList::run(Session& session) {
  if (all_tenants_ && session.tenant_on_command_line()) {
    return session.fail({schemas::ErrorCode::invalid_argument, "--tenant and --all-tenants exclude each other"});
  }
  std::vector<v1::TokenInfoT> tokens;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::string next;
  do {
    v1::RequestT request;
    if (auto applied = request_.apply(session, request); !applied && !all_tenants_)
      return session.fail(applied.error());
    if (all_tenants_) request.tenant = "*";
    v1::TokenListT list;
    list.next = next;
    request.body.Set(std::move(list));
    auto reply = session.call(std::move(request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    const auto* page = reply->body.AsTokenTable();
    if (page == nullptr) return session.fail({schemas::ErrorCode::internal, "the daemon sent no tokens"});
    next = page->next;
    if (session.json()) {
      const auto body = nlohmann::ordered_json::parse(session.body_json(*reply));
      for (const auto& token : body.value("tokens", nlohmann::ordered_json::array())) json.push_back(token);
    } else {
      for (const auto& token : page->tokens) tokens.push_back(*token);
    }
  } while (!next.empty());
  if (session.json()) {
    session.print_json(nlohmann::ordered_json{{"tokens", std::move(json)}}.dump());
  } else if (tokens.empty()) {
    session.note("no tokens");
  } else {
    session.print(token_tree(std::move(tokens)));
  }
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_token_list() { return std::make_unique<TokenList>(); }

}  // namespace solo::ops
