package gallery

import "flag"

var screenshots = flag.String("screenshots", "", "write a picture of each page into this folder")
