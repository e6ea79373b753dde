// solo token grant
#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/output.h"
#include "ops/cli/service_request.h"
#include "ops/cli/token_text.h"
#include "producers/entropy.h"
#include "schemas/ids.h"
#include "schemas/token.h"

namespace solo::ops {
namespace {

schemas::TokenText new_token() {
  std::array<std::uint8_t, schemas::kTokenBytes> secret{};
  producers::SystemEntropy().fill(secret);
  schemas::TokenText token = schemas::make_token(secret);
  sodium_memzero(secret.data(), secret.size());
  return token;
}

class TokenGrant final : public Command {
 public:
  Page page() override;
  int run(Session& session) override;

 private:
  schemas::Result<v1::RequestT> request(const Session& session, const schemas::TokenHash& hash) const;

  std::vector<std::string> permissions_;
  std::optional<std::string> services_;
  std::optional<std::string> ttl_;
  std::optional<std::string> note_;
  bool all_tenants_ = false;
  RequestOptions request_;
};

Page TokenGrant::page() {
  Page page{
      .summary = "make a token",
      .synopsis = {"--permission LIST [OPTION...]"},
      .description =
          "Makes a secret here, has its hash written into the log, and prints the secret on stdout. It is shown this "
          "once and kept nowhere: only its hash is sent. In lists, in the audit and for revocation a token is named by "
          "its accessor.\n\n"
          "The new token descends from the one this command is run with: its tenant, permissions, services and time to "
          "live are within those of that one, and it ends with it.",
      .options =
          {{"--permission", "LIST",
            "What it may do: deploy, kill (and restart), read (status, list, recovery report), logs, grant, revoke "
            "(what it has granted), verify, publish, audit, admin (all of it). Several with commas, or repeated.",
            &permissions_},
           {"--services", "GLOB",
            "For one service (web), or those that begin alike (web-*). Default: as the token it is made from.",
            &services_},
           {"--ttl", "TIME",
            "How long it is good: 90s, 45m, 12h, 30d, at most 366 days. Default: as long as the token it is made "
            "from; 30 days, if that never expires.",
            &ttl_},
           {"--note", "TEXT", "For people: what it is for.", &note_},
           {"--all-tenants", "", "For every tenant; for operators.", &all_tenants_}},
      .examples = {{"For a build server that deploys web services",
                    "solo token grant --tenant acme --permission deploy,read --services 'web-*' --ttl 90d --note ci"},
                   {"Into a file for its holder",
                    "(umask 077; solo token grant --tenant acme --permission read > reader.token)"}}};
  for (auto& option : request_.for_write()) page.options.push_back(std::move(option));
  return page;
}

schemas::Result<v1::RequestT> TokenGrant::request(const Session& session, const schemas::TokenHash& hash) const {
  v1::RequestT request;
  auto applied = request_.apply(session, request);
  if (!applied && !(all_tenants_ && request.tenant.empty() && !session.tenant())) return schemas::fail(applied.error());
  if (request.id.empty()) request.id = producers::SystemEntropy().uuid();
  v1::TokenGrantT grant;
  if (all_tenants_) {
    request.tenant = std::string(schemas::kSystemTenant);
    grant.tenant = "*";
  }
  auto permissions = parse_permissions(permissions_);
  if (!permissions) return schemas::fail(permissions.error());
  if (permissions->empty()) {
    return schemas::fail(schemas::ErrorCode::invalid_argument, "what may the token do?",
                         "give --permission, for example --permission deploy,read");
  }
  grant.permissions = *std::move(permissions);
  if (ttl_) {
    const auto ttl = parse_ttl(*ttl_);
    if (!ttl) return schemas::fail(ttl.error());
    grant.ttl_ms = *ttl;
  }
  grant.hash = schemas::to_string(hash);
  grant.services = services_.value_or("");
  grant.note = note_.value_or("");
  request.body.Set(std::move(grant));
  return request;
}

int TokenGrant::run(Session& session) {
  if (all_tenants_ && session.tenant_on_command_line()) {
    return session.fail({schemas::ErrorCode::invalid_argument, "--tenant and --all-tenants exclude each other"});
  }
  const schemas::TokenText token = new_token();
  const schemas::TokenHash hash = schemas::hash_token(token.reveal());
  const std::string accessor = schemas::token_accessor(hash);
  auto request = this->request(session, hash);
  if (!request) return session.fail(request.error());
  session.progress("granting " + accessor);
  auto reply = session.call(std::move(*request));
  const std::string lost = fmt::format("if it was granted after all, its secret is lost: revoke {}", accessor);
  if (!reply) {
    schemas::Error error = reply.error();
    if (error.code == schemas::ErrorCode::deadline_exceeded) error.hint = lost;
    return session.fail(error);
  }
  if (!reply->ok) {
    if (reply->error && reply->error->code == v1::ErrorCode::deadline_exceeded) reply->error->hint = lost;
    return session.fail(*reply);
  }
  // It is granted, and nobody has it.
  const auto unshown = [&]() -> int {
    session.note(fmt::format("the token could not be written to stdout and is lost: revoke {}", accessor));
    return kFailed;
  };
  if (session.json()) {
    auto shown = nlohmann::ordered_json::parse(session.body_json(*reply));
    shown["accessor"] = accessor;
    shown["token"] = std::string(token.reveal());
    session.print_json(shown.dump());
    return session.output_broken() ? unshown() : kDone;
  }
  session.print(std::string(token.reveal()) + '\n');
  if (session.output_broken()) return unshown();
  if (const auto* info = reply->body.AsTokenInfo()) {
    session.note(fmt::format("{}: {} for {}, services {}, until {}; this is the only time it is shown", accessor,
                             permission_list(info->permissions),
                             info->tenant == "*" ? "every tenant" : "tenant " + info->tenant, info->services,
                             info->expires_at == 0 ? "revoked" : show_time(info->expires_at)));
  }
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_token_grant() { return std::make_unique<TokenGrant>(); }

}  // namespace solo::ops
