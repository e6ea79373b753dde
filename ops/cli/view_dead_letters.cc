// solo view dead-letters
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ops/cli/command.h"
#include "ops/cli/output.h"
#include "ops/cli/service_request.h"

namespace solo::ops {
namespace {

constexpr std::uint32_t kUsualLimit = 1000;

class ViewDeadLetters final : public Command {
 public:
  Page page() override {
    Page page{.summary = "show the records that took no effect, and why",
              .synopsis = {"[OPTION...]"},
              .description =
                  "Lists the dead letters: records that are no event, break a rule, repeat an earlier one or come from "
                  "a run that no longer counts. Each stays where it is in the log and harms nothing; whoever wrote it "
                  "is found by its source, id and key. In the order of the log, one partition after the other. A "
                  "tenant sees those with its own key.",
              .options = {{"--all-tenants", "", "Of every tenant, and of nobody.", &all_tenants_},
                          {"--from", "POSITION", "Begin at this PARTITION:OFFSET. Default: the first.", &from_},
                          {"--limit", "N", "At most this many. Default: 1000.", &limit_}},
              .examples = {{"What was published wrongly", "solo view dead-letters --all-tenants"},
                           {"One tenant's, for a program", "solo view dead-letters --tenant acme --json"}}};
    for (auto& option : request_.for_read()) page.options.push_back(std::move(option));
    return page;
  }

  int run(Session& session) override;

 private:
  schemas::Result<v1::RequestT> request(const Session& session, std::uint32_t limit) const;
  std::string table() const;

  bool all_tenants_ = false;
  std::string from_;
  std::optional<std::uint32_t> limit_;
  RequestOptions request_;

  std::vector<v1::DeadLetterT> letters_;
  nlohmann::ordered_json json_ = nlohmann::ordered_json::array();
};

schemas::Result<v1::RequestT> ViewDeadLetters::request(const Session& session, std::uint32_t limit) const {
  v1::RequestT request;
  auto applied = request_.apply(session, request);
  if (!applied && !all_tenants_) return schemas::fail(applied.error());
  if (all_tenants_) request.tenant = "*";
  v1::DeadLettersT asked;
  asked.from = from_;
  asked.limit = limit;
  request.body.Set(std::move(asked));
  return request;
}

std::string ViewDeadLetters::table() const {
  Table table({"POSITION", "TIME", "KEY", "EVENT", "SOURCE", "ID", "BYTES", "REASON"});
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const auto& letter : letters_) {
    const bool refused = letter.code != v1::ErrorCode::ok;
    const std::string reason =
        refused ? fmt::format("{}: {}", v1::EnumNameErrorCode(letter.code), letter.message) : letter.message;
    table.add({letter.position, show_time(letter.timestamp), or_dash(letter.key), or_dash(letter.type),
               or_dash(letter.source), or_dash(letter.id), std::to_string(letter.size), reason});
  }
  return table.str();
}

int ViewDeadLetters::run(Session& session) {
  if (all_tenants_ && session.tenant_on_command_line()) {
    return session.fail({schemas::ErrorCode::invalid_argument, "--tenant and --all-tenants exclude each other"});
  }
  if (limit_ == 0U) return session.fail({schemas::ErrorCode::invalid_argument, "--limit is at least 1"});
  std::uint32_t left = limit_.value_or(kUsualLimit);
  do {
    auto request = this->request(session, std::min(left, kUsualLimit));
    if (!request) return session.fail(request.error());
    auto reply = session.call(std::move(*request));
    if (!reply) return session.fail(reply.error());
    if (!reply->ok) return session.fail(*reply);
    auto* page = reply->body.AsDeadLetterList();
    if (page == nullptr) return session.fail({schemas::ErrorCode::internal, "the daemon sent no dead letters"});
    from_ = page->next;
    left -= std::min(left, static_cast<std::uint32_t>(page->letters.size()));
    if (session.json()) {
      const auto body = nlohmann::ordered_json::parse(session.body_json(*reply));
      for (const auto& letter : body.value("letters", nlohmann::ordered_json::array())) json_.push_back(letter);
    } else {
      for (auto& letter : page->letters) letters_.push_back(std::move(*letter));
    }
  } while (left != 0 && !from_.empty());
  if (session.json()) {
    session.print_json(nlohmann::ordered_json{{"letters", std::move(json_)}, {"next", from_}}.dump());
    return kDone;
  }
  if (letters_.empty()) {
    session.note("no dead letters");
  } else {
    session.print(table());
  }
  if (!from_.empty()) session.note(fmt::format("there are more: --from {}", from_));
  return kDone;
}

}  // namespace

std::unique_ptr<Command> make_view_dead_letters() { return std::make_unique<ViewDeadLetters>(); }

}  // namespace solo::ops
