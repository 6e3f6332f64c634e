#include "core/model/checkpoint/pickle.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;
using Kind = PickleValue::Kind;

std::string Bytes(absl::string_view body) { return absl::StrCat("\x80\x02", body); }

std::string ErrorOf(absl::string_view bytes) {
  const absl::StatusOr<Pickle> pickle = ParsePickle(bytes);
  EXPECT_EQ(pickle.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(pickle.status().message());
}

// A literal with its zero bytes.
template <size_t kSize>
std::string Literal(const char (&text)[kSize]) {
  return std::string(text, kSize - 1);
}

TEST(PickleTest, ReadsNumbers) {
  const auto integer = [](const std::string& body) {
    const absl::StatusOr<Pickle> pickle = ParsePickle(Bytes(body));
    EXPECT_TRUE(pickle.ok()) << pickle.status();
    return pickle.ok() ? pickle->root->integer : -999;
  };
  EXPECT_EQ(integer("K\xff."), 255);
  EXPECT_EQ(integer(Literal("M\x01\x02.")), 513);
  EXPECT_EQ(integer("J\xff\xff\xff\xff."), -1);
  EXPECT_EQ(integer(Literal("\x8a\x00.")), 0);
  EXPECT_EQ(integer("\x8a\x01\x80."), -128);
  EXPECT_EQ(integer(Literal("\x8a\x06\x00\x00\x00\x00\x00\x01.")), int64_t{1} << 40);
  EXPECT_EQ(integer("\x88."), 1);
  EXPECT_EQ(integer("\x89."), 0);
}

TEST(PickleTest, ReadsContainers) {
  // {"a": [None, (1, 2)]}, the tuple remembered and recalled as a second key's value
  const std::string bytes =
      Bytes(Literal("}(X\x01\x00\x00\x00"
                    "a](NK\x01K\x02\x86q\x05"
                    "eX\x01\x00\x00\x00"
                    "bh\x05u."));
  const absl::StatusOr<Pickle> pickle = ParsePickle(bytes);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  ASSERT_EQ(pickle->root->kind, Kind::kDict);
  ASSERT_EQ(pickle->root->items.size(), 4u);
  EXPECT_EQ(pickle->root->items[0]->text, "a");
  const PickleValue& list = *pickle->root->items[1];
  ASSERT_EQ(list.kind, Kind::kList);
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_EQ(list.items[0]->kind, Kind::kNone);
  ASSERT_EQ(list.items[1]->kind, Kind::kTuple);
  EXPECT_EQ(list.items[1]->items[1]->integer, 2);
  EXPECT_EQ(pickle->root->items[3], list.items[1]);
}

TEST(PickleTest, AListMayHoldItself) {
  const absl::StatusOr<Pickle> pickle =
      ParsePickle(Bytes(Literal("]q\x00h\x00"
                                "a.")));
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  EXPECT_EQ(pickle->root->items[0], pickle->root);
}

TEST(PickleTest, RejectsEveryOtherOpcode) {
  const std::string allowed = Literal("(.GJKMNQRXabcehj]qrst)u}\x85\x86\x87\x88\x89\x8a");
  int rejected = 0;
  for (int opcode = 0; opcode < 256; ++opcode) {
    if (allowed.find(static_cast<char>(opcode)) != std::string::npos) continue;
    EXPECT_THAT(ErrorOf(Bytes(absl::StrCat(std::string(1, static_cast<char>(opcode)), "N."))),
                HasSubstr(absl::StrCat("opcode 0x", absl::Hex(opcode, absl::kZeroPad2),
                                       " is not allowed")));
    ++rejected;
  }
  EXPECT_EQ(rejected, 256 - 30);
}

TEST(PickleTest, RejectsEveryOtherGlobal) {
  for (const char* name :
       {"posix system", "os system", "builtins eval", "builtins getattr", "__builtin__ getattr",
        "torch load", "torch.storage UntypedStorage", "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v3", "collections defaultdict", "collections OrderedDict.x",
        "numpy ndarray", "collections  OrderedDict", "Collections OrderedDict",
        "torch ComplexFloatStorage"}) {
    std::string text = name;
    const size_t space = text.find(' ');
    const std::string module = text.substr(0, space), member = text.substr(space + 1);
    EXPECT_THAT(ErrorOf(Bytes(absl::StrCat("c", module, "\n", member, "\n)R."))),
                HasSubstr(absl::StrCat("'", module, ".", member, "' is not allowed")));
  }
}

TEST(PickleTest, CallsOnlyWhatMakesValues) {
  EXPECT_THAT(ErrorOf(Bytes("ctorch\nFloatStorage\n)R.")),
              HasSubstr("'torch.FloatStorage' is called"));
  EXPECT_THAT(ErrorOf(Bytes("N)R.")), HasSubstr("a None is called"));
  EXPECT_THAT(ErrorOf(Bytes("ccollections\nOrderedDict\nN\x85R.")), HasSubstr("with arguments"));
  EXPECT_THAT(ErrorOf(Bytes("ctorch._utils\n_rebuild_tensor_v2\n)R.")), HasSubstr("bad arguments"));
  EXPECT_THAT(ErrorOf(Bytes("ctorch._utils\n_rebuild_parameter\nNNN\x87R.")),
              HasSubstr("bad arguments"));
  EXPECT_THAT(ErrorOf(Bytes("]}b.")), HasSubstr("attributes are given to a list"));
  EXPECT_THAT(ErrorOf(Bytes("NQ.")), HasSubstr("not a tensor storage"));
  EXPECT_THAT(
      ErrorOf(Bytes(Literal("(X\x07\x00\x00\x00storageccollections\nOrderedDict\nX\x01\x00\x00\x00"
                            "0NK\x01tQ."))),
      HasSubstr("'collections.OrderedDict' is not a storage class"));
}

TEST(PickleTest, KeepsOtherNamesAsOpaqueValues) {
  struct Case {
    std::string body;
    const char* name;
    size_t items;  // arguments, state and items
  };
  for (const Case& c : {
           Case{"cposix\nsystem\n.", "posix.system", 0},
           Case{"cposix\nsystem\n)R.", "posix.system", 1},
           Case{"cfractions\nFraction\nN\x85R.", "fractions.Fraction", 1},
           Case{"cargparse\nNamespace\n)\x81}b.", "argparse.Namespace", 2},
           Case{"cargparse\nNamespace\n)\x81q\x01h\x01"
                "b.",
                "argparse.Namespace", 2},
           Case{"ccollections\ndefaultdict\n)RNNs.", "collections.defaultdict", 3},
           Case{"ccollections\ndeque\n)RNa.", "collections.deque", 2},
           Case{Literal("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."), "int", 0},
           Case{Literal("\x8b\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01."), "int", 0},
           Case{Literal("(X\x06\x00\x00\x00moduleNNNtQ."), "module", 0},
           Case{Literal("(X\x07\x00\x00\x00storagectorch\nComplexFloatStorage\nX\x01\x00\x00\x00"
                        "0NK\x01tQ."),
                "torch.ComplexFloatStorage", 0},
       }) {
    const std::string bytes = Bytes(c.body);
    EXPECT_FALSE(ParsePickle(bytes).ok()) << c.name;
    const absl::StatusOr<Pickle> pickle = ParsePickle(bytes, OtherValues::kSkip);
    ASSERT_TRUE(pickle.ok()) << c.name << ": " << pickle.status();
    EXPECT_EQ(pickle->root->kind, Kind::kOpaque);
    EXPECT_EQ(pickle->root->text, c.name);
    EXPECT_EQ(pickle->root->items.size(), c.items) << c.name;
  }
}

TEST(PickleTest, TheListedNamesStayStrictBesideOpaqueValues) {
  for (const char* body :
       {"ctorch\nFloatStorage\n)R.", "N)R.", "ccollections\nOrderedDict\nN\x85R.",
        "ctorch._utils\n_rebuild_tensor_v2\n)R.", "N)\x81.", "ccollections\nOrderedDict\n)\x81.",
        "NQ.", "]}b."}) {
    EXPECT_FALSE(ParsePickle(Bytes(body), OtherValues::kSkip).ok()) << body;
  }
}

TEST(PickleTest, OneNameIsKeptOnce) {
  std::string body = "(";
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&body, "cposix\nsystem\n");
  const std::string bytes = Bytes(absl::StrCat(body, "t."));
  const absl::StatusOr<Pickle> pickle = ParsePickle(bytes, OtherValues::kSkip);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  EXPECT_EQ(pickle->names.size(), 1u);
  EXPECT_EQ(pickle->size, bytes.size());
}

TEST(PickleTest, RejectsBrokenStructure) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("cut short"));
  EXPECT_THAT(ErrorOf("\x80\x04N."), HasSubstr("protocol 2"));
  EXPECT_THAT(ErrorOf(Bytes(".")), HasSubstr("a value is missing"));
  EXPECT_THAT(ErrorOf(Bytes("(.")), HasSubstr("a value is missing"));
  EXPECT_THAT(ErrorOf(Bytes("NN.")), HasSubstr("left over"));
  EXPECT_THAT(ErrorOf(Bytes("Nt.")), HasSubstr("a mark is missing"));
  EXPECT_THAT(ErrorOf(Bytes("h\x07.")), HasSubstr("memo 7 was never stored"));
  EXPECT_THAT(ErrorOf(Bytes("}(Nu.")), HasSubstr("a key has no value"));
  EXPECT_THAT(ErrorOf(Bytes("](NNu.")), HasSubstr("items for a dict are given to a list"));
  EXPECT_THAT(ErrorOf(Bytes("}NNs}a.")), HasSubstr("items for a list are given to a dict"));
  EXPECT_THAT(ErrorOf(Bytes("X\xff\xff\xff\xff"
                            "a.")),
              HasSubstr("cut short"));
  EXPECT_THAT(ErrorOf(Bytes(Literal("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."))),
              HasSubstr("64 bits"));
  EXPECT_THAT(ErrorOf(Bytes(absl::StrCat("c", std::string(1000, 'a'), "\nb\n."))),
              HasSubstr("too long"));
}

TEST(PickleTest, BoundsValuesAndStack) {
  EXPECT_THAT(ErrorOf(Bytes(std::string(1000001, '}'))), HasSubstr("too many values"));
  EXPECT_THAT(ErrorOf(Bytes(std::string(1000001, '('))), HasSubstr("too many values"));
  const std::string text(16 << 20, 'a');
  EXPECT_THAT(ErrorOf(Bytes(absl::StrCat(Literal("X\x00\x00\x00\x01"), text, "."))),
              HasSubstr("more than 16777216"));
}

TEST(PickleTest, DeepNestingNeedsNoStack) {
  EXPECT_TRUE(ParsePickle(Bytes(absl::StrCat(")", std::string(900000, '\x85'), "."))).ok());
}

}  // namespace
}  // namespace vidmuse
