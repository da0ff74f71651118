package io.nbdmirror.io.file;

/** What a file is opened for. */
public enum Access {
  /** Reading, whoever else uses it. */
  READ_ONLY,
  /** Reading and writing, refused while anybody else writes it or could. */
  EXCLUSIVE
}
