/** A place in the view's plane, in metres: [to the right, up]. */
export type Place = readonly [number, number];

/** What a shape is, so that a picture can colour it. */
export type Role = "body" | "target" | "ground" | "frame";

/**
 * One shape of a world as it stands, for films and pages. A side view shows x and height, a view
 * from above x and y. Shapes are painted in their order, later ones on top.
 */
export type Shape =
  /** A thick line with round ends. */
  | {
      readonly kind: "capsule";
      readonly from: Place;
      readonly to: Place;
      readonly radius: number;
      readonly role: Role;
    }
  | { readonly kind: "circle"; readonly at: Place; readonly radius: number; readonly role: Role }
  /** A hairline: a rail, an edge, a string, a direction. */
  | { readonly kind: "line"; readonly from: Place; readonly to: Place; readonly role: Role }
  /** Everything below `height`, as far as the view goes. */
  | { readonly kind: "ground"; readonly height: number; readonly role: Role };
