// From the words of the command line to the command they name.
#include <fmt/format.h>

#include <algorithm>

#include "ops/cli/command.h"
#include "ops/nearest.h"
#include "ops/version.h"

namespace solo::ops {
namespace {

using schemas::ErrorCode;

const std::vector<Line>& exit_lines() {
  static const std::vector<Line> lines{
      {"0", "Done."},
      {"1", "The answer is no: not found, exists already, a condition does not hold, not permitted."},
      {"2", "Wrongly asked: usage, or an argument that cannot be."},
      {"3", "The daemon could not be reached, or could not do it."},
  };
  return lines;
}

const std::vector<Line>& environment_lines() {
  static const std::vector<Line> lines{
      {"SOLO_TENANT", "Stands in for --tenant."},
      {"SOLO_ADDR", "Stands in for --addr."},
      {"SOLO_SERVER_KEY", "Stands in for --server-key."},
      {"SOLO_CLIENT_KEYS", "Stands in for --client-keys."},
      {"SOLO_TOKEN", "Stands in for --token."},
      {"SOLO_TOKEN_FILE", "A file with the token; after SOLO_TOKEN, before root.token."},
      {"SOLO_STATE_DIR", "Stands in for --state-dir."},
  };
  return lines;
}

Page overview(Session& session) {
  Page page{.name = "solo",
            .summary = "deploy services and question the daemon that keeps them",
            .synopsis = {"COMMAND [ARGUMENT...] [OPTION...]"},
            .description =
                "Talks to solod, which keeps services running and every change of them in a log. "
                "`solo COMMAND --help` tells about one command."};
  for (const auto& entry : commands()) page.commands.emplace_back(entry.name, entry.make()->page().summary);
  page.common = session.common_options();
  page.exit_status = exit_lines();
  page.environment = environment_lines();
  return page;
}

bool is_named(const Option& option, const std::string& word) {
  return (',' + option.names + ',').find(',' + word.substr(0, word.find('=')) + ',') != std::string::npos;
}

/// The words in front of `--` that are neither options nor their values, with their places: at most the first two.
std::vector<std::size_t> command_words(const std::vector<std::string>& arguments, const std::vector<Option>& common) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < arguments.size() && places.size() < 2 && arguments[i] != "--"; ++i) {
    if (arguments[i].size() > 1 && arguments[i][0] == '-') {
      // Only the common options may stand in front of the command.
      for (const auto& option : common) {
        const bool takes_next = !option.value.empty() && arguments[i].find('=') == std::string::npos;
        if (is_named(option, arguments[i]) && takes_next) ++i;
      }
      continue;
    }
    places.push_back(i);
  }
  return places;
}

struct Found {
  const CommandEntry* entry = nullptr;
  /// Without the words that named it.
  std::vector<std::string> arguments;
};

Found find_command(const std::vector<std::string>& arguments, const std::vector<std::size_t>& places) {
  for (std::size_t count = places.size(); count > 0; --count) {
    std::string name = arguments[places[0]];
    if (count == 2) name += ' ' + arguments[places[1]];
    for (const auto& entry : commands()) {
      if (entry.name != name) continue;
      Found found{&entry, arguments};
      for (std::size_t i = count; i > 0; --i) {
        found.arguments.erase(found.arguments.begin() + static_cast<std::ptrdiff_t>(places[i - 1]));
      }
      return found;
    }
  }
  return {};
}

int unknown_command(Session& session, const std::vector<std::string>& arguments,
                    const std::vector<std::size_t>& places) {
  const std::string hint = "solo --help lists the commands";
  if (places.empty()) return session.fail({ErrorCode::invalid_argument, "no command given", hint});
  for (std::size_t i = 0; i < places[0]; ++i) {
    const auto common = session.common_options();
    const bool is_value = i > 0 && arguments[i - 1][0] == '-';
    if (is_value || arguments[i].size() < 2 || arguments[i][0] != '-') continue;
    if (std::any_of(common.begin(), common.end(), [&](const auto& one) { return is_named(one, arguments[i]); }))
      continue;
    return session.fail({ErrorCode::invalid_argument, "unknown option " + arguments[i], hint});
  }
  std::string word = arguments[places[0]];
  std::vector<std::string> known;
  std::vector<std::string> verbs;
  for (const auto& entry : commands()) {
    known.push_back(entry.name);
    if (entry.name.rfind(word + ' ', 0) == 0) verbs.push_back(entry.name);
  }
  if (!verbs.empty()) {
    std::string list;
    for (const auto& verb : verbs) list += (list.empty() ? "solo " : ", solo ") + verb;
    return session.fail({ErrorCode::invalid_argument, fmt::format("solo {} needs a verb: {}", word, list), hint});
  }
  return session.fail(
      {ErrorCode::invalid_argument, fmt::format("unknown command \"{}\"{}", word, did_you_mean(word, known)), hint});
}

bool wants(const std::vector<std::string>& arguments, std::string_view flag, std::string_view short_flag) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::any_of(arguments.begin(), end, [&](const auto& word) { return word == flag || word == short_flag; });
}

/// `solo help deploy` is `solo deploy --help`.
std::vector<std::string> without_help(std::vector<std::string> arguments, const std::vector<Option>& common) {
  const auto places = command_words(arguments, common);
  if (places.empty() || arguments[places[0]] != "help") return arguments;
  arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(places[0]));
  arguments.insert(std::find(arguments.begin(), arguments.end(), "--"), "--help");
  return arguments;
}

int run_in(Session& session, const std::vector<std::string>& given) {
  const auto arguments = without_help(given, session.common_options());
  session.set_json(wants(arguments, "--json", "--json"));
  const auto places = command_words(arguments, session.common_options());
  const Found found = find_command(arguments, places);
  if (found.entry == nullptr) {
    if (wants(arguments, "--help", "-h")) {
      session.print(to_text(overview(session)));
      return kDone;
    }
    if (places.empty() && wants(arguments, "--version", "--version")) {
      session.print(fmt::format("solo {}\n", version()));
      return kDone;
    }
    return unknown_command(session, arguments, places);
  }
  const auto command = found.entry->make();
  Page page = command->page();
  page.name = "solo " + found.entry->name;
  page.common = command->is_local() ? session.local_options() : session.common_options();
  page.exit_status = page.exit_status.empty() ? exit_lines() : page.exit_status;
  page.environment = environment_lines();
  if (command->is_local()) page.environment.erase(page.environment.begin(), page.environment.end() - 1);
  const auto parsed = parse(page, found.arguments);
  if (!parsed) return session.fail(parsed.error());
  if (*parsed == Parsed::help) {
    session.print(to_text(page));
    return kDone;
  }
  return command->run(session);
}

}  // namespace

int run_solo(const std::vector<std::string>& arguments) {
  Session session;
  return session.finish(run_in(session, arguments));
}

}  // namespace solo::ops
