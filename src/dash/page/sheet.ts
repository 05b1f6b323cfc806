/** A canvas whose size is known, in CSS pixels: to ask for it would lay out the page anew. */
export class Sheet {
  readonly canvas: HTMLCanvasElement;
  width = 0;
  height = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    new ResizeObserver(([entry]) => {
      this.width = entry!.contentRect.width;
      this.height = entry!.contentRect.height;
    }).observe(canvas);
  }

  /** A pen on an empty sheet, in CSS pixels; null while the sheet has no size. */
  clear(): CanvasRenderingContext2D | null {
    const { canvas, width, height } = this;
    if (width === 0) return null;
    const scale = window.devicePixelRatio;
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== across) canvas.width = across;
    if (canvas.height !== down) canvas.height = down;
    const pen = canvas.getContext("2d")!;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }
}
