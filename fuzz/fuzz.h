/* fuzz.h — what libFuzzer and replay.c call; each fuzz_NAME.c defines it. Returns 0; a finding is an abort. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_FUZZ_H
#define JB_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
