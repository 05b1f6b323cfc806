import assert from "node:assert/strict";
import type { MainModule, MjData, MjModel } from "@mujoco/mujoco";
import { messageOf, SinewError } from "../core/errors.ts";
import type { Role, Shape } from "./scene.ts";

/** The model's arrays that this room reads or changes; each is float64, row after row. */
export type ModelField =
  | "actuator_gear"
  | "body_inertia"
  | "body_ipos"
  | "body_mass"
  | "dof_damping"
  | "geom_friction"
  | "jnt_range"
  | "opt_gravity";

/** Beyond this no position or velocity is physics any more; MuJoCo draws the same line. */
const valueMax = 1e10;
const planeType = 0;
const sphereType = 2;
const capsuleType = 3;

let loading: Promise<MainModule> | undefined;

/** The engine, compiled once a thread (0.2 s). Throws `SinewError("environment")` without it. */
async function loadEngine(): Promise<MainModule> {
  loading ??= import("@mujoco/mujoco").then(({ default: load }) => load());
  try {
    return await loading;
  } catch (thrown) {
    loading = undefined;
    const why = `this task needs @mujoco/mujoco, which does not load: ${messageOf(thrown)}`;
    throw new SinewError("environment", why, { cause: thrown });
  }
}

/** Whoever's state the physics holds now; `park` keeps that state for when it comes back. */
export interface Holder {
  park(): void;
}

/**
 * One model and one state of MuJoCo. Wasm memory is not collected, so worlds of one task share a
 * `Physics` and swap their states in and out (4 us); see `holder`.
 */
export class Physics {
  holder: Holder | undefined;
  readonly #mj: MainModule;
  readonly #model: MjModel;
  readonly #data: MjData;
  readonly #buffer: InstanceType<MainModule["DoubleBuffer"]>;
  readonly #integration: number;
  readonly #nominal: Map<ModelField, Float64Array> = new Map();
  readonly #factors: Map<ModelField, number> = new Map();
  // Views of wasm memory: making one costs more than reading it, and growth empties them silently.
  #qpos: Float64Array = new Float64Array();
  #qvel: Float64Array = this.#qpos;
  #ctrl: Float64Array = this.#qpos;
  #act: Float64Array = this.#qpos;
  #bodies: Float64Array = this.#qpos;

  private constructor(mj: MainModule, model: MjModel) {
    this.#mj = mj;
    this.#model = model;
    this.#data = new mj.MjData(model);
    this.#integration = mj.mjtState.mjSTATE_INTEGRATION.value;
    this.#buffer = new mj.DoubleBuffer(mj.mj_stateSize(model, this.#integration));
  }

  /**
   * Compiles a model of ours. It must switch `autoreset` off: else MuJoCo answers a state that blew
   * up by a silent jump to the start.
   */
  static async open(mjcf: string): Promise<Physics> {
    const mj = await loadEngine();
    const model = mj.MjModel.from_xml_string(mjcf);
    assert((model.opt.disableflags & mj.mjtDisableBit.mjDSBL_AUTORESET.value) !== 0);
    return new Physics(mj, model);
  }

  /** Positions of the joints, in their order: m or rad. A view: write to set. Do not keep it. */
  get qpos(): Float64Array {
    if (this.#qpos.length === 0) this.#look();
    return this.#qpos;
  }

  /** Velocities of the joints, in their order: m/s or rad/s. */
  get qvel(): Float64Array {
    if (this.#qvel.length === 0) this.#look();
    return this.#qvel;
  }

  /** Commands of the actuators, in their order; each is clamped to its own range when used. */
  get ctrl(): Float64Array {
    if (this.#ctrl.length === 0) this.#look();
    return this.#ctrl;
  }

  /** Activations of the actuators that have one, such as muscles. */
  get act(): Float64Array {
    if (this.#qpos.length === 0) this.#look();
    return this.#act;
  }

  /** Origins of the bodies in the world, m, [bodies, 3], of the last step's last evaluation. */
  get bodies(): Float64Array {
    if (this.#bodies.length === 0) this.#look();
    return this.#bodies;
  }

  #look(): void {
    this.#qpos = this.#data.qpos;
    this.#qvel = this.#data.qvel;
    this.#ctrl = this.#data.ctrl;
    this.#act = this.#data.act;
    this.#bodies = this.#data.xpos;
  }

  /** The model's start: qpos0, nothing moves, no command, time 0. */
  reset(): void {
    this.#mj.mj_resetData(this.#model, this.#data);
  }

  /** Computes everything that follows from positions and velocities, without a step. */
  forward(): void {
    this.#mj.mj_forward(this.#model, this.#data);
  }

  /** `count` steps of the model. Throws `SinewError("environment")` where the state blows up. */
  step(count: number): void {
    for (let i = 0; i < count; i++) this.#mj.mj_step(this.#model, this.#data);
    refuseWild("qpos", this.qpos);
    refuseWild("qvel", this.qvel);
  }

  /** The whole state of the integration, warm start included: what bit-exact going on needs. */
  save(): Float64Array {
    this.#mj.mj_getState(this.#model, this.#data, this.#buffer, this.#integration);
    return Float64Array.from(this.#buffer.GetView());
  }

  /** Goes back to what `save` gave. What follows from it, such as `bodies`, is of the next step. */
  restore(state: Float64Array): void {
    // The binding's types know only number[], its code any list.
    const list = state as unknown as number[];
    this.#mj.mj_setState(this.#model, this.#data, list, this.#integration);
  }

  /** A copy of one array of the model. */
  read(field: ModelField): Float64Array {
    return Float64Array.from(this.#field(field));
  }

  /**
   * Makes every number of these arrays `factor` times what the model's text says, and recomputes
   * what the compiler derives from them. Loses the state where that changes anything.
   */
  scale(factors: Iterable<readonly [ModelField, number]>): void {
    let changed = false;
    for (const [field, factor] of factors) {
      if (factor === (this.#factors.get(field) ?? 1)) continue;
      const nominal = this.#nominal.get(field) ?? this.read(field);
      this.#nominal.set(field, nominal);
      this.#factors.set(field, factor);
      this.#field(field).set(nominal.map((value) => value * factor));
      changed = true;
    }
    if (changed) this.#mj.mj_setConst(this.#model, this.#data);
  }

  #field(field: ModelField): Float64Array {
    return field === "opt_gravity" ? this.#model.opt.gravity : this.#model[field];
  }

  /**
   * The geoms as they stand, seen along y ("side") or from above ("top"). A geom whose name begins
   * with "target" has that role.
   */
  scene(view: "side" | "top"): Shape[] {
    this.#mj.mj_kinematics(this.#model, this.#data);
    const up = view === "side" ? 2 : 1;
    const types: Int32Array = this.#model.geom_type;
    const sizes: Float64Array = this.#model.geom_size;
    const at: Float64Array = this.#data.geom_xpos;
    const turn: Float64Array = this.#data.geom_xmat;
    const geomKind = this.#mj.mjtObj.mjOBJ_GEOM.value;
    return Array.from(types, (type, geom): Shape => {
      const name = this.#mj.mj_id2name(this.#model, geomKind, geom) ?? "";
      const role: Role = name.startsWith("target") ? "target" : "body";
      const x = at[geom * 3];
      const y = at[geom * 3 + up];
      const radius = sizes[geom * 3];
      if (type === planeType) return { kind: "ground", height: y, role: "ground" };
      if (type === sphereType) return { kind: "circle", at: [x, y], radius, role };
      assert(type === capsuleType, `geom type ${type}`);
      // A capsule lies along its own z: the third column of the rotation, times half its length.
      const half = sizes[geom * 3 + 1];
      const dx = turn[geom * 9 + 2] * half;
      const dy = turn[geom * 9 + 3 * up + 2] * half;
      return { kind: "capsule", from: [x - dx, y - dy], to: [x + dx, y + dy], radius, role };
    });
  }
}

function refuseWild(name: string, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]) < valueMax) continue;
    throw new SinewError("environment", `the physics blew up: ${name}[${i}] is ${values[i]}`);
  }
}
