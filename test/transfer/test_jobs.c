#define JB_TRANSFER_TEST_MODELS
#include "transfer_test.h"
JB_TEST("x")
{
    (void)scope;
}
