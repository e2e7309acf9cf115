#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "parser_support.hpp"

// The rules of the eventsource directory of web-platform-tests, and more of the same kind: each with every kind of line
// end and with a byte order mark, whole and cut at every place.
namespace sse_test {
namespace {

using namespace std::string_literals;

#define FFFD "\xEF\xBF\xBD"
#define BOM "\xEF\xBB\xBF"

struct Case {
  std::string name, bytes;
  std::vector<Message> messages = {};
  std::string last_event_id = {};
  std::optional<long long> retry = {};
};

const std::string long_text(2048, 'x');
const Message a = message("a"), b = message("b");

const Case cases[] = {
    // Blocks
    {"nothing", ""},
    {"one empty line", "\n"},
    {"empty lines only", "\n\n\n\n"},
    {"one message", "data:a\n\n", {a}},
    {"two messages", "data:a\n\ndata:b\n\n", {a, b}},
    {"empty lines before", "\n\n\ndata:a\n\n", {a}},
    {"empty lines between", "data:a\n\n\n\n\ndata:b\n\n", {a, b}},
    {"no line end at the end", "data:a"},
    {"no empty line at the end", "data:a\n"},
    {"the last block is cut in its data", "data:a\n\ndata:b", {a}},
    {"the last block has no empty line", "data:a\n\ndata:b\n", {a}},
    {"an id in a cut block has no effect", "retry:1000\ndata:a\n\nid:test\ndata:b", {a}, "", 1000},
    {"an id line in a cut block has no effect", "data:a\n\nid:test\n", {a}},
    {"an id that is cut has no effect", "id:1\ndata:a\n\nid:12", {message("a", "1")}, "1"},
    {"an event type in a cut block has no effect", "data:a\n\nevent:x\n", {a}},
    {"a space is no empty line", "data:a\n \ndata:b\n\n", {message("a\nb")}},
    {"a tab is no empty line", "data:a\n\t\n\n", {a}},
    {"a NUL is no empty line", "data:a\n\0\ndata:b\n\n"s, {message("a\nb")}},
    {"a colon is no empty line", "data:a\n:\ndata:b\n\n", {message("a\nb")}},

    // Data
    {"data without a value", "data:\n\n", {message("")}},
    {"data without a colon", "data\n\n", {message("")}},
    {"data twice without a colon", "data\ndata\n\n", {message("\n")}},
    {"data three times without a colon", "data\ndata\ndata\n\n", {message("\n\n")}},
    {"data with nothing, twice, then something",
     "data:\n\ndata\ndata\n\ndata:test\n\n",
     {message(""), message("\n"), message("test")}},
    {"two lines", "data:a\ndata:b\n\n", {message("a\nb")}},
    {"a line, an empty one, a line", "data:a\ndata\ndata:b\n\n", {message("a\n\nb")}},
    {"an empty line of data first", "data\ndata:a\n\n", {message("\na")}},
    {"an empty line of data last", "data:a\ndata\n\n", {message("a\n")}},
    {"two empty lines of data last", "data:a\ndata:\ndata:\n\n", {message("a\n\n")}},
    {"messages of two lines, of none, of one",
     "data:msg\ndata: msg\n\n:\ndata:\n\ndata:end\n\n",
     {message("msg\nmsg"), message(""), message("end")}},
    {"fields between lines of data", "data:a\nid:1\nevent:e\nretry:2\ndata:b\n\n", {message("a\nb", "1", "e")}, "1", 2},
    {"data of a backslash and an n", "data:a\\nb\n\n", {message("a\\nb")}},
    {"JSON", "data: {\"a\": [1, \"x:y\"]}\n\n", {message("{\"a\": [1, \"x:y\"]}")}},
    {"a long line", "data:" + long_text + "\n\n", {message(long_text)}},

    // The space after the colon
    {"one space is left out", "data: a\n\n", {a}},
    {"only one space is left out", "data:  a\n\n", {message(" a")}},
    {"three spaces", "data:   a\n\n", {message("  a")}},
    {"a value of one space", "data: \n\n", {message("")}},
    {"a value of two spaces", "data:  \n\n", {message(" ")}},
    {"a tab stays", "data:\ta\n\n", {message("\ta")}},
    {"a space, then a tab", "data: \ta\n\n", {message("\ta")}},
    {"a tab, then a space", "data:\t a\n\n", {message("\t a")}},
    {"a no-break space stays",
     "data:\xC2\xA0"
     "a\n\n",
     {message("\xC2\xA0"
              "a")}},
    {"a NUL, then a space", "data:\0 a\n\n"s, {message("\0 a"s)}},
    {"a space at the end stays", "data:a \n\n", {message("a ")}},
    {"each line has its own space", "data: a\ndata:b\ndata:  c\n\n", {message("a\nb\n c")}},
    {"leading space", "data:\ttest\ndata: \ndata:test\n\n", {message("\ttest\n\ntest")}},
    {"a space in an id", "id:  1 \ndata:a\n\n", {message("a", " 1 ")}, " 1 "},
    {"a space in an event type", "event:  e \ndata:a\n\n", {message("a", "", " e ")}},
    {"a space before the retry time", "retry: 1000\n", {}, "", 1000},

    // Colons
    {"a value that begins with a colon", "data::a\n\n", {message(":a")}},
    {"a value of colons", "data:::\n\n", {message("::")}},
    {"a space between two colons", "data: : a\n\n", {message(": a")}},
    {"a colon in an id", "id:a:b\ndata:a\n\n", {message("a", "a:b")}, "a:b"},
    {"a colon in an event type", "event:a:b\ndata:a\n\n", {message("a", "", "a:b")}},
    {"a URL", "data: http://x:1/?a:b\n\n", {message("http://x:1/?a:b")}},

    // Names
    {"a name in capitals", "DATA:a\n\n"},
    {"a name with a capital", "Data:a\n\n"},
    {"other names with capitals", "Id:1\nID:2\nEvent:e\nRetry:5\ndata:a\n\n", {a}},
    {"a space before a name", " data:a\n\n"},
    {"a space before a name without a colon", " data\n\n"},
    {"a space after a name", "data :a\n\n"},
    {"a tab before a name", "\tdata:a\n\n"},
    {"a tab after a name", "data\t:a\n\n"},
    {"a NUL before a name", "\0data:a\n\n"s},
    {"a NUL after a name", "data\0:a\n\n"s},
    {"a NUL in a name without a colon", "data\0\n\n"s},
    {"a name that is too short", "dat:a\n\n"},
    {"a name that is too long", "dataa:a\n\n"},
    {"the first letter of a name", "d\n\n"},
    {"names that begin like others", "i:1\nidd:2\neven:x\nevents:y\nretr:1\nretryy:2\ndata:a\n\n", {a}},
    {"a name of six letters without a colon", "datada\ndata:a\n\n", {a}},
    {"names with other letters", "da-ta:3\ndata_5\ndata:a\n\n", {a}},
    {"unknown names",
     "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
     {message("test\n\ntest")}},
    {"every trick with names",
     "data:\0\ndata:  2\nData:1\ndata\0:2\ndata:1\n\0data:4\nda-ta:3\ndata_5\ndata:3\ndata:\n data:32\n"
     "data:4\n\n"s,
     {message("\0\n 2\n1\n3\n\n4"s)}},
    {"an unknown name that is very long", long_text + ":" + long_text + "\ndata:a\n\n", {a}},
    {"an unknown name that is very long, without a colon", long_text + "\ndata:a\n\n", {a}},
    {"an unknown name whose value looks like a line", "x:data:a\ndata:b\n\n", {b}},
    {"names of the HTTP head", "Content-Type: text/event-stream\nlast-event-id: 4\ndata:a\n\n", {a}},
    {"ill-formed bytes in a name",
     "dat\xFF"
     "a:b\ndata\xC2:c\n\xFF"
     "data:d\ndata:a\n\n",
     {a}},
    {"a letter past ASCII in a name", "d\xC3\xA1ta:b\ndata:a\n\n", {a}},
    {"a wide letter is not its ASCII twin",
     "\xEF\xBD\x84"
     "ata:b\ndata\xEF\xBC\x9A"
     "c\ndata:a\n\n",
     {a}},
    {"an overlong letter is no letter",
     "\xC1\xA4"
     "ata:b\n\n"},

    // Comments
    {"a comment", ":a\n"},
    {"a comment in a block", ":a\ndata:a\n:b\n\n", {a}},
    {"a comment alone in a block", "data:a\n\n:\n\ndata:b\n\n", {a, b}},
    {"a comment that looks like data", ":data:a\n\n"},
    {"a comment with a space that looks like data", ": data:a\n\n"},
    {"two colons", "::data:a\n\n"},
    {"a NUL in a comment", "data:a\n:\0\ndata:b\n\n"s, {message("a\nb")}},
    {"ill-formed bytes in a comment", ":\xFF\xE2\x82\ndata:a\n\n", {a}},
    {"comment fest",
     "data:1\n:\0\n:\ndata:2\n:"s + long_text + "\ndata:3\n:data:fail\n:" + long_text + "\ndata:4\n\n",
     {message("1\n2\n3\n4")}},
    {"keep-alives", ":\n\n:\n\ndata:a\n\n:\n\n", {a}},
    {"a comment keeps the event type of the block", "event:e\n:\ndata:a\n\n", {message("a", "", "e")}},

    // Event types
    {"an event type", "event:test\ndata:x\n\ndata:y\n\n", {message("x", "", "test"), message("y")}},
    {"an event type after the data", "data:x\nevent:test\n\n", {message("x", "", "test")}},
    {"an empty event type", "event:\ndata:a\n\n", {a}},
    {"an event type of one space", "event: \ndata:a\n\n", {a}},
    {"an event type of two spaces", "event:  \ndata:a\n\n", {message("a", "", " ")}},
    {"an event type without a colon", "event\ndata:a\n\n", {a}},
    {"the last of two event types", "event:x\nevent:y\ndata:a\n\n", {message("a", "", "y")}},
    {"a shorter event type after a longer one", "event:longer\nevent:y\ndata:a\n\n", {message("a", "", "y")}},
    {"an empty event type after another", "event:x\nevent:\ndata:a\n\n", {a}},
    {"an event type without a colon after another", "event:x\nevent\ndata:a\n\n", {a}},
    {"an event type without data", "event:x\n\ndata:a\n\n", {a}},
    {"an event type without data, then another", "event:x\n\nevent:y\ndata:a\n\n", {message("a", "", "y")}},
    {"the event type message", "event:message\ndata:a\n\n", {a}},
    {"event types of browsers' own",
     "event:error\ndata:a\n\nevent:open\ndata:b\n\n",
     {message("a", "", "error"), message("b", "", "open")}},
    {"a NUL in an event type", "event:a\0b\ndata:a\n\n"s, {message("a", "", "a\0b"s)}},
    {"an event type past ASCII", "event:\xE2\x80\xA6\ndata:a\n\n", {message("a", "", "\xE2\x80\xA6")}},
    {"ill-formed bytes in an event type",
     "event:a\xFF"
     "b\xE2\x82\ndata:a\n\n",
     {message("a", "", "a" FFFD "b" FFFD)}},
    {"ill-formed bytes are not nothing", "event:\xFF\ndata:a\n\n", {message("a", "", FFFD)}},

    // Ids
    {"an id", "id:1\ndata:a\n\n", {message("a", "1")}, "1"},
    {"an id after the data", "data:a\nid:1\n\n", {message("a", "1")}, "1"},
    {"an id lasts",
     "id:1\ndata:a\n\ndata:b\n\nid:2\ndata:c\n\ndata:d\n\n",
     {message("a", "1"), message("b", "1"), message("c", "2"), message("d", "2")},
     "2"},
    {"an empty id is none", "id:1\ndata:a\n\nid:\ndata:b\n\ndata:c\n\n", {message("a", "1"), b, message("c")}},
    {"an id without a colon is none", "id:1\ndata:a\n\nid\ndata:b\n\ndata:c\n\n", {message("a", "1"), b, message("c")}},
    {"an id of one space is none", "id:1\ndata:a\n\nid: \ndata:b\n\n", {message("a", "1"), b}},
    {"the last of two ids", "id:1\nid:2\ndata:a\n\n", {message("a", "2")}, "2"},
    {"a shorter id after a longer one",
     "id:longer than the string itself holds\nid:2\ndata:a\n\n",
     {message("a", "2")},
     "2"},
    {"an empty id after another in one block", "id:1\nid\ndata:a\n\n", {a}},
    {"an id without data counts", "id:1\n\n", {}, "1"},
    {"an id without data counts for the next message", "id:1\n\ndata:a\n\n", {message("a", "1")}, "1"},
    {"an empty id without data counts", "id:1\ndata:a\n\nid\n\ndata:b\n\n", {message("a", "1"), b}},
    {"an id and an event type without data", "id:1\nevent:x\n\ndata:a\n\n", {message("a", "1")}, "1"},
    {"an id waits for the empty line", "id:1\n", {}, ""},
    {"an id past ASCII",
     "id:\xE2\x80\xA6\ndata:hello\n\ndata:x\n\n",
     {message("hello", "\xE2\x80\xA6"), message("x", "\xE2\x80\xA6")},
     "\xE2\x80\xA6"},
    {"an id of a NUL", "id:\0\ndata:a\n\n"s, {a}},
    {"an id with a NUL first", "id:\0x\ndata:a\n\n"s, {a}},
    {"an id with a NUL last", "id:x\0\ndata:a\n\n"s, {a}},
    {"an id with a NUL inside", "id:x\0y\ndata:a\n\n"s, {a}},
    {"an id with a space and a NUL", "id: \0\ndata:a\n\n"s, {a}},
    {"an id with two NULs", "id:\0\0\ndata:a\n\n"s, {a}},
    {"an id with a NUL leaves the one before",
     "id:1\ndata:a\n\nid:2\0\ndata:b\n\n"s,
     {message("a", "1"), message("b", "1")},
     "1"},
    {"an id with a NUL leaves the one of the block", "id:1\nid:2\0\ndata:a\n\n"s, {message("a", "1")}, "1"},
    {"an id after one with a NUL", "id:1\0\nid:2\ndata:a\n\n"s, {message("a", "2")}, "2"},
    {"the two characters of an escaped NUL", "id:\\0\ndata:a\n\n", {message("a", "\\0")}, "\\0"},
    {"ill-formed bytes in an id", "id:\xFF\xF0\x9F\ndata:a\n\n", {message("a", FFFD FFFD)}, FFFD FFFD},
    {"an overlong NUL in an id is none", "id:\xC0\x80\ndata:a\n\n", {message("a", FFFD FFFD)}, FFFD FFFD},
    {"a long id", "id:" + long_text + "\ndata:a\n\n", {message("a", long_text)}, long_text},
    {"a quoted id", "id:\"1\"\ndata:a\n\n", {message("a", "\"1\"")}, "\"1\""},

    // Retry
    {"a retry time", "retry:3000\ndata:a\n\n", {a}, "", 3000},
    {"a retry time holds at its line's end", "retry:3000\n", {}, "", 3000},
    {"a retry time that is cut", "retry:3000"},
    {"a retry time with text behind it", "retry:3000\nretry:1000x\ndata:a\n\n", {a}, "", 3000},
    {"a retry time with text before it", "retry:x1000\n"},
    {"a retry time without a value", "retry\ndata:a\n\n", {a}},
    {"an empty retry time", "retry:5\nretry:\ndata:a\n\n", {a}, "", 5},
    {"a retry time of a space", "retry: \n"},
    {"a retry time of two spaces and digits", "retry:  5\n"},
    {"a retry time and a space", "retry:5 \n"},
    {"a retry time with a sign", "retry:+5\nretry:-5\n"},
    {"a retry time with a point", "retry:1.5\n"},
    {"a retry time with an exponent", "retry:1e3\n"},
    {"a retry time in hexadecimal", "retry:0x10\n"},
    {"a retry time with a NUL", "retry:5\0\n"s},
    {"a retry time with a separator", "retry:1,000\nretry:1_000\n"},
    {"a retry time in other digits", "retry:\xD9\xA5\nretry:\xEF\xBC\x95\n"},
    {"a retry time with ill-formed bytes", "retry:5\xFF\n"},
    {"a retry time of zero", "retry:0\n", {}, "", 0},
    {"a retry time that is not octal", "retry:010\n", {}, "", 10},
    {"a retry time with many zeros", "retry:" + std::string(300, '0') + "7\n", {}, "", 7},
    {"a retry time past 32 bits", "retry:4294967297\n", {}, "", 4294967297},
    {"the longest retry time", "retry:9223372036854775807\n", {}, "", 9223372036854775807},
    {"a retry time past 64 bits", "retry:9223372036854775808\n", {}, "", 9223372036854775807},
    {"a retry time that would be 5 in 64 bits", "retry:18446744073709551621\n", {}, "", 9223372036854775807},
    {"a retry time of many digits", "retry:" + std::string(300, '9') + "\n", {}, "", 9223372036854775807},
    {"the last of two retry times", "retry:1\nretry:2\n", {}, "", 2},
    {"a retry time is no data", "retry:1\n\ndata:a\n\n", {a}, "", 1},

    // UTF-8
    {"characters of two, three and four bytes",
     "data:\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n\n",
     {message("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80")}},
    {"the first and the last of each length",
     "data:\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80"
     "\xF4\x8F\xBF\xBF\n\n",
     {message("\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF")}},
    {"the ellipsis of format-utf-8", "data:ok\xE2\x80\xA6\n\n", {message("ok\xE2\x80\xA6")}},
    {"other line ends are text",
     "data:\xE2\x80\xA8\xE2\x80\xA9\xC2\x85\v\f\n\n",
     {message("\xE2\x80\xA8\xE2\x80\xA9\xC2\x85\v\f")}},
    {"a lone continuation", "data:\x80z\n\n", {message(FFFD "z")}},
    {"bytes that never are UTF-8", "data:\xC0\xC1\xF5\xFE\xFF\n\n", {message(FFFD FFFD FFFD FFFD FFFD)}},
    {"a sequence cut by a letter", "data:\xE2\x82z\n\n", {message(FFFD "z")}},
    {"a sequence of four cut by a letter", "data:\xF0\x9F\x98z\n\n", {message(FFFD "z")}},
    {"a sequence cut by another", "data:\xE2\x82\xE2\x82\xAC\n\n", {message(FFFD "\xE2\x82\xAC")}},
    {"a sequence cut by the line's end", "data:\xE2\x82\ndata:\xAC\n\n", {message(FFFD "\n" FFFD)}},
    {"a sequence of four cut by the line's end", "data:\xF0\x9F\x98\n\n", {message(FFFD)}},
    {"a first byte at the line's end", "data:a\xC3\n\n", {message("a" FFFD)}},
    {"a surrogate", "data:\xED\xA0\x80\n\n", {message(FFFD FFFD FFFD)}},
    {"a pair of surrogates", "data:\xED\xA0\xBD\xED\xB8\x80\n\n", {message(FFFD FFFD FFFD FFFD FFFD FFFD)}},
    {"an overlong slash",
     "data:\xC0\xAF\xE0\x80\xAF\xF0\x80\x80\xAF\n\n",
     {message(FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD)}},
    {"an overlong line end is none",
     "data:a\xC0\x8A"
     "b\n\n",
     {message("a" FFFD FFFD "b")}},
    {"past the last code point", "data:\xF4\x90\x80\x80\n\n", {message(FFFD FFFD FFFD FFFD)}},
    {"a sequence of five", "data:\xF8\x88\x80\x80\x80\n\n", {message(FFFD FFFD FFFD FFFD FFFD)}},
    {"one continuation too many", "data:\xC3\xA9\xA9\n\n", {message("\xC3\xA9" FFFD)}},
    {"a cut sequence before the space and colon", "data\xE2\x82: a\n\n"},
    {"a sequence does not swallow the space", "data:\xE2 a\n\n", {message(FFFD " a")}},
    {"an ill-formed byte before a space", "data:\xFF a\n\n", {message(FFFD " a")}},
    {"a NUL", "data:\0\n\n"s, {message("\0"s)}},
    {"NULs in the data", "data:a\0b\0\0\n\n"s, {message("a\0b\0\0"s)}},
    {"control characters", "data:\x01\x1B[0m\x7F\n\n", {message("\x01\x1B[0m\x7F")}},
    {"a replacement character that was sent", "data:" FFFD "\n\n", {message(FFFD)}},
    {"a letter and its accent", "data:e\xCC\x81\n\n", {message("e\xCC\x81")}},

    // Byte order marks past the first
    {"a byte order mark before the second message",
     "data:1\n\n" BOM "data:2\n\ndata:3\n\n",
     {message("1"), message("3")}},
    {"a byte order mark in the data", "data:" BOM "a\n\n", {message(BOM "a")}},
    {"a byte order mark after the space", "data: " BOM " a\n\n", {message(BOM " a")}},
    {"a byte order mark after an empty line", "\n" BOM "data:a\n\n"},
    {"a byte order mark in an id", "id:" BOM "\ndata:a\n\n", {message("a", BOM)}, BOM},
};

/// Cases of the very first bytes of a stream, and of mixed line ends.
const Case whole_streams[] = {
    {"a byte order mark alone", BOM},
    {"a byte order mark, then an event", BOM "data:1\n\n" BOM "data:2\n\ndata:3\n\n", {message("1"), message("3")}},
    {"two byte order marks", BOM BOM "data:1\n\ndata:2\n\ndata:3\n\n", {message("2"), message("3")}},
    {"two byte order marks and an empty line", BOM BOM "\n\ndata:1\n\n", {message("1")}},
    {"a byte order mark, then an empty line", BOM "\ndata:1\n\n", {message("1")}},
    {"a byte order mark, then a comment", BOM ":\ndata:1\n\n", {message("1")}},
    {"one byte of a byte order mark",
     "\xEF"
     "data:1\n\ndata:2\n\n",
     {message("2")}},
    {"two bytes of a byte order mark",
     "\xEF\xBB"
     "data:1\n\ndata:2\n\n",
     {message("2")}},
    {"a byte order mark that ends in another byte",
     "\xEF\xBB\xBE"
     "data:1\n\ndata:2\n\n",
     {message("2")}},
    {"one byte of a byte order mark is no empty line", "data:1\n\xEF\n\n", {message("1")}},
    {"two bytes of a byte order mark, then a line end", "\xEF\xBB\ndata:1\n\n", {message("1")}},
    {"two bytes of a byte order mark, then a whole one",
     "\xEF\xBB\xEF\xBB\xBF"
     "data:1\n\ndata:2\n\n",
     {message("2")}},
    {"the byte order mark of UTF-16",
     "\xFE\xFF"
     "data:1\n\ndata:2\n\n",
     {message("2")}},
    {"a line end, then a byte order mark", "\r\n" BOM "data:1\n\n"},
    {"newline fest", "data:test\r\ndata\ndata:test\r\n\r", {message("test\n\ntest")}},
    {"every line end in one block", "data:1\ndata:2\rdata:3\r\ndata:4\n\r", {message("1\n2\n3\n4")}},
    {"CR CR", "data:1\r\r", {message("1")}},
    {"CR LF CR", "data:1\r\n\r", {message("1")}},
    {"CR LF LF", "data:1\r\n\n", {message("1")}},
    {"LF CR", "data:1\n\r", {message("1")}},
    {"LF CR LF", "data:1\n\r\n", {message("1")}},
    {"CR LF CR LF", "data:1\r\n\r\n", {message("1")}},
    {"CR LF alone is one line end", "data:1\r\ndata:2\r\n\r\n", {message("1\n2")}},
    {"CR CR LF", "data:1\r\r\ndata:2\r\r\n", {message("1"), message("2")}},
    {"the LF after a CR that ended a message",
     "data:1\r\rdata:2\r\n\rdata:3\r\n\r\n\n",
     {message("1"), message("2"), message("3")}},
    {"a CR, then a comment", "data:1\r:\rdata:2\r\r", {message("1\n2")}},
    {"comments with every line end",
     "data:1\r:\0\n:\r\ndata:2\n:x\rdata:3\n:data:fail\r:y\ndata:4\n\n"s,
     {message("1\n2\n3\n4")}},
    {"fields with every line end",
     "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\n"
     "data:4\n\n"s,
     {message("\0\n 2\n1\n3\n\n4"s)}},
    {"a tab and CR", "data:\ttest\rdata: \ndata:test\n\n", {message("\ttest\n\ntest")}},
    {"a CR ends a sequence", "data:\xE2\x82\r\xAC\r\r", {message(FFFD)}},
    {"a CR ends an id", "id:1\rdata:a\r\r", {message("a", "1")}, "1"},
    {"a CR ends a retry time", "retry:5\r", {}, "", 5},
    {"a CR LF ends a retry time", "retry:5\r\n", {}, "", 5},
    {"line ends only", "\r\n\r\r\n\n\r"},
};

void check(const std::string& name, const std::string& bytes, const Reading& expected) {
  INFO(name << ": " << printed(bytes));
  INFO("expected " << printed(expected));
  const auto agrees = [&](const std::vector<std::size_t>& cuts) {
    const Reading reading = read_cut(bytes, cuts);
    if (reading == expected) return true;
    for (const std::size_t cut : cuts) UNSCOPED_INFO("cut at " << cut);
    UNSCOPED_INFO("read " << printed(reading));
    return false;
  };
  REQUIRE(Reference::read(bytes) == expected);
  REQUIRE(agrees({}));
  std::vector<std::size_t> everywhere;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    everywhere.push_back(cut);
    REQUIRE(agrees({cut}));
    REQUIRE(agrees({cut, cut}));
  }
  REQUIRE(agrees(everywhere));
  if (bytes.size() > 100) return;
  for (std::size_t first = 0; first < bytes.size(); ++first)
    for (std::size_t second = first + 1; second < bytes.size(); ++second)
      if (!agrees({first, second})) REQUIRE(false);

  // A message comes with the byte that ends it, and neither it nor an id nor a retry time later.
  Parser parser;
  Reading reading;
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    REQUIRE_FALSE(feed(parser, bytes.substr(size - 1, 1), reading.messages));
    reading.last_event_id = parser.last_event_id();
    reading.retry = parser.retry();
    INFO("after " << size << " bytes");
    REQUIRE(printed(reading) == printed(Reference::read(bytes.substr(0, size))));
  }
}

Reading expected(const Case& test) {
  Reading reading{test.messages, test.last_event_id, {}};
  if (test.retry) reading.retry = std::chrono::milliseconds(*test.retry);
  return reading;
}

std::string with_line_ends(const std::string& bytes, const std::string& line_end) {
  std::string out;
  for (const char c : bytes) c == '\n' ? out += line_end : out += c;
  return out;
}

TEST_CASE("the published cases read as published, with every line end, however the bytes are cut") {
  for (const Case& test : cases) {
    check(test.name, test.bytes, expected(test));
    check(test.name + ", with CR", with_line_ends(test.bytes, "\r"), expected(test));
    check(test.name + ", with CR LF", with_line_ends(test.bytes, "\r\n"), expected(test));
    check(test.name + ", after a byte order mark", BOM + test.bytes, expected(test));
  }
}

TEST_CASE("the beginning of a stream and mixed line ends read as published, however the bytes are cut") {
  for (const Case& test : whole_streams) check(test.name, test.bytes, expected(test));
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text.append(1, "0123456789abcdef"[byte >> 4]).append(1, "0123456789abcdef"[byte & 15]);
  }
  return text;
}

// SSE_WRITE_CASES=1 writes the file after a case has changed.
TEST_CASE("the cases are those that the JavaScript parser reads, in parser_published.json") {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  const auto add = [&](const Case& test, bool any_line_end) {
    auto messages = nlohmann::ordered_json::array();
    for (const auto& [type, data, id] : test.messages) messages.push_back({hex(type), hex(data), hex(id)});
    nlohmann::ordered_json row{{"name", test.name},
                               {"any_line_end", any_line_end},
                               {"bytes", hex(test.bytes)},
                               {"messages", std::move(messages)},
                               {"id", hex(test.last_event_id)}};
    if (test.retry) row["retry"] = *test.retry;
    all.push_back(std::move(row));
  };
  for (const Case& test : cases) add(test, true);
  for (const Case& test : whole_streams) add(test, false);
  std::string text = "[\n";
  for (const auto& row : all) text += row.dump() + (&row == &all.back() ? "\n" : ",\n");
  text += "]\n";
  const auto path = std::filesystem::path(__FILE__).parent_path() / "parser_published.json";
  if (std::getenv("SSE_WRITE_CASES")) std::ofstream(path, std::ios::binary) << text;
  std::ifstream file(path, std::ios::binary);
  if (!file) SKIP("the sources are not where they were compiled");
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  REQUIRE((kept == text));
}

}  // namespace
}  // namespace sse_test
