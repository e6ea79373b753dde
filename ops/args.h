// A command line declared as data: operands and options bound to variables, and the page that --help prints, from one
// description. What is behind `--` is left to the command untouched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schemas/result.h"

namespace solo::ops {

/// Where a value goes. The variable must outlive the parsing; it keeps its value when nothing is given.
using Target = std::variant<bool*, std::string*, std::optional<std::string>*, std::vector<std::string>*,
                            std::optional<std::uint64_t>*, std::optional<std::uint32_t>*>;

struct Option {
  /// `--env` or `-e,--env`.
  std::string names;
  /// What stands for its value in the page: `NAME=VALUE`. Empty for a switch.
  std::string value;
  std::string help;
  Target target;
  /// Without it an empty value is refused: a variable that a script did not set must not become a default.
  bool may_be_empty = false;
};

struct Operand {
  std::string name;
  std::string help;
  Target target;
  bool required = true;
};

/// A line of a two-column section.
using Line = std::pair<std::string, std::string>;

struct Page {
  /// `solo deploy`.
  std::string name = {};
  /// One line, no full stop.
  std::string summary = {};
  /// Without the name.
  std::vector<std::string> synopsis = {};
  /// Paragraphs, divided by empty lines; wrapped when printed. A line that starts with a space is printed as it is.
  std::string description = {};
  std::vector<Operand> operands = {};
  std::vector<Option> options = {};
  /// Options of every command of the program; in a section of their own.
  std::vector<Option> common = {};
  /// Set: `--` and what follows goes there. Not set: `--` is refused.
  std::vector<std::string>* rest = nullptr;
  std::vector<Line> commands = {};
  std::vector<Line> exit_status = {};
  std::vector<Line> environment = {};
  /// Each with a line of explanation in front: {explanation, command}.
  std::vector<Line> examples = {};
};

enum class Parsed { run, help };

/// Fills the page's targets. invalid_argument: what is wrong and, as the hint, how to get help.
schemas::Result<Parsed> parse(const Page& page, const std::vector<std::string>& arguments);

/// The page as text, 80 columns wide.
std::string to_text(const Page& page);

/// `250ms`, `30s`, `5m`, `2h`; a plain number is seconds. In milliseconds; invalid_argument names `what`.
schemas::Result<std::uint32_t> parse_duration(std::string_view what, std::string_view text);

}  // namespace solo::ops
