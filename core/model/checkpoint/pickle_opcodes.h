// The opcodes of Python's pickle format that torch.save writes.
#ifndef VIDMUSE_MODEL_CHECKPOINT_PICKLE_OPCODES_H_
#define VIDMUSE_MODEL_CHECKPOINT_PICKLE_OPCODES_H_

#include <cstdint>

namespace vidmuse::pickle_opcodes {

// Named as in Python's pickle.py.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kEmptyList = ']',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
};

}  // namespace vidmuse::pickle_opcodes

#endif  // VIDMUSE_MODEL_CHECKPOINT_PICKLE_OPCODES_H_
