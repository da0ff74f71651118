package io.nbdmirror.nbd.cli;

import io.nbdmirror.bitmap.format.BitmapSurvey;
import io.nbdmirror.bitmap.format.StoredBitmap;
import io.nbdmirror.nbd.array.BitmapDocument;

/** A bitmap that was read from its medium, as a document. */
final class StoredBitmaps {
  private StoredBitmaps() {}

  static BitmapDocument document(StoredBitmap bitmap) {
    BitmapSurvey survey = new BitmapSurvey(bitmap.geometry(), BitmapDocument.MAX_RANGES);
    survey.goOn(bitmap, Integer.MAX_VALUE);
    return BitmapDocument.of(
        bitmap.superblock(),
        survey,
        bitmap.geometry().chunks(),
        bitmap.knownChunks(),
        bitmap.dirtyChunks());
  }
}
