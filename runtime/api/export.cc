// libthaw.so itself: all of its code comes from the rooms' archives.
#include "thaw/thaw.h"
