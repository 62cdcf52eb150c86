import { FrameWriter } from './frame-writer.ts';
import { FrameType, replyHeaderBytes, writeNumber } from './frames.ts';

/** Writes REPLY frames. */
export class ReplyWriter extends FrameWriter {
  /**
   * @throws HoldfastError `ERR_HOLDFAST_ENCODE`, `ERR_HOLDFAST_FRAME_TOO_LARGE`
   */
  write(number: number, value: unknown, maxFrameBytes: number): void {
    const form = this.encode(replyHeaderBytes, value, maxFrameBytes);
    const { buffer, start } = this;
    buffer[start + 4] = FrameType.reply;
    buffer[start + 5] = form;
    writeNumber(buffer, start + 6, number);
  }
}
