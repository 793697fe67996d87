"""python -m keras_bert_lab ... is the same as keras-bert-lab ..."""

import sys

from keras_bert_lab.cli import main

sys.exit(main())
