// solo list
#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/output.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

class List final : public Command {
 public:
  Page page() override {
    Page page{.summary = "list services",
              .synopsis = {"[PREFIX] [OPTION...]"},
              .description = "Lists a tenant's services in the order of their names.",
              .operands = {{"PREFIX", "Only names that begin so.", &prefix_, false}},
              .options = {{"--all", "", "Killed ones too.", &all_},
                          {"--all-tenants", "", "The services of every tenant.", &all_tenants_}},
              .examples = {{"What runs", "solo list --tenant acme"},
                           {"Everything there ever was", "solo list --all --all-tenants"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override;

 private:
  schemas::Result<v1::RequestT> request(const Session& session, const std::string& next) const;
  std::string table(const std::vector<v1::ServiceStatusT>& services) const;

  std::string prefix_;
  bool all_ = false;
  bool all_tenants_ = false;
  RequestOptions request_;
};

schemas::Result<v1::RequestT> List::request(const Session& session, const std::string& next) const {
  v1::RequestT request;
  if (auto applied = request_.apply(session, request, all_tenants_); !applied) return schemas::fail(applied.error());
  v1::ListT list;
  list.all = all_;
  list.prefix = prefix_;
  list.next = next;
  request.body.Set(std::move(list));
  return request;
}

std::string List::table(const std::vector<v1::ServiceStatusT>& services) const {
  Table table({"TENANT", "SERVICE", "STATE", "GENERATION", "FORMAT", "PID", "RESTARTS", "STARTED", "REASON"});
  for (const auto& service : services) {
    std::string generation = std::to_string(service.generation);
    if (service.pending_generation != 0) generation += " (" + std::to_string(service.pending_generation) + ")";
    table.add({service.tenant, service.service, v1::EnumNameServiceState(service.state), generation,
               format_name(service.format), service.pid == 0 ? "-" : std::to_string(service.pid),
               std::to_string(service.restarts), service.started_at == 0 ? "-" : show_time(service.started_at),
               service.reason});
  }
  return table.str();
}

int List::run(Session& session) {
  if (all_tenants_ && session.tenant_on_command_line()) {
    return session.fail({schemas::ErrorCode::invalid_argument, "--tenant and --all-tenants exclude each other"});
  }
  std::vector<v1::ServiceStatusT> services;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::string next;
  do {
    auto request = this->request(session, next);
    if (!request) return session.fail(request.error());
    auto reply = session.call(std::move(*request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    const auto* page = reply->body.AsServiceList();
    if (page == nullptr) return session.fail({schemas::ErrorCode::internal, "the daemon sent no list"});
    next = page->next;
    if (session.json()) {
      const auto body = nlohmann::ordered_json::parse(session.body_json(*reply));
      for (const auto& service : body.value("services", nlohmann::ordered_json::array())) json.push_back(service);
    } else {
      for (const auto& service : page->services) services.push_back(*service);
    }
  } while (!next.empty());
  if (session.json()) {
    session.print_json(nlohmann::ordered_json{{"services", std::move(json)}}.dump());
  } else if (services.empty()) {
    session.note("no services");
  } else {
    session.print(table(services));
  }
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_list() { return std::make_unique<List>(); }

}  // namespace solo::ops
